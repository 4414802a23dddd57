// ImportedPages: the references of a trace that knows pages by their numbers alone, told to a visitor: pages numbered
// densely as they appear, references in a row as one.
#pragma once

#include "lab/page_names.hpp"
#include "lab/recording_visitor.hpp"

#include <cstdint>

namespace fl::lab {

class ImportedPages {
public:
    // One reference. False: there are more pages than can be numbered.
    bool touch(std::uint64_t page_number, Touch touch, RecordingVisitor& visitor) {
        if (count_ == 0 || page_number != number_) return touch_another(page_number, touch, visitor);
        if (touch != touch_) flush(visitor);
        touch_ = touch;
        ++count_;
        return true;
    }
    // Tells of what is held back: at the end.
    void flush(RecordingVisitor& visitor);
    std::uint64_t touches() const { return touches_ + count_; }

private:
    bool touch_another(std::uint64_t page_number, Touch touch, RecordingVisitor& visitor);

    PageNames names_;
    PageId page_count_ = 0;
    std::uint64_t touches_ = 0;  // told of
    // The references that are held back.
    std::uint64_t number_ = 0;
    PageId page_ = 0;
    Touch touch_ = Touch::read;
    std::uint64_t count_ = 0;
};

}  // namespace fl::lab
