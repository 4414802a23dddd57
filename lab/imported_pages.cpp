#include "lab/imported_pages.hpp"

namespace fl::lab {

void ImportedPages::flush(RecordingVisitor& visitor) {
    if (count_ > 0) visitor.on_touch(page_, touch_, count_);
    touches_ += count_;
    count_ = 0;
}

bool ImportedPages::touch_another(std::uint64_t page_number, Touch touch, RecordingVisitor& visitor) {
    flush(visitor);
    PageId page = names_.find(page_number);
    if (page == replacement::no_page) {
        if (page_count_ == replacement::no_page) return false;
        page = page_count_++;
        names_.add(page_number, page);
        visitor.on_page(page, {.process = 0, .page_number = page_number, .file = {}});
    }
    number_ = page_number;
    page_ = page;
    touch_ = touch;
    count_ = 1;
    return true;
}

}  // namespace fl::lab
