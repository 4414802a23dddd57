// Faults, and pages that left, as columns. Most of what is known of them follows from the events before (history.hpp);
// the page's script page/history.js reads them in the same order.
#include "trace/report/history.hpp"
#include "trace/report/report_writer.hpp"

namespace fl::trace::report {

namespace {

class FaultColumns {
public:
    explicit FaultColumns(Table& table) : table_(table) {}

    void append(const FaultRow& row, const History::FaultGuess& guess) {
        sequence_.append(row.fault);
        time_.append(row.time_ns);
        page_.append(row.page);
        offset_.append(row.offset);
        task_.append(row.task);
        shape_.append(row.shape);
        instruction_.append(row.instruction);
        vma_.append(row.vma);
        walk_.append(row.walk, guess.walk);
        before_.append(row.before_frame, guess.before);
        before_bits_.append(row.before_bits);
        after_.append(row.after_frame, guess.after);
        after_bits_.append(row.after_bits);
        evicted_.append(row.evicted);
        written_.append(row.written);
        looked_.append(row.looked);
        // Mostly the one in the entry before.
        slot_.append(row.slot == slot_before(row) ? 0 : row.slot + 1);
        refault_.append(row.refault, guess.refault);
        tables_.append(row.tables);
        around_.append(row.around);
    }

private:
    Table& table_;
    Column& sequence_ = table_.add("sequence", Encoding::delta);
    Column& time_ = table_.add("time", Encoding::delta);
    Column& page_ = table_.add("page", Encoding::delta);
    Column& offset_ = table_.add("offset", Encoding::plain);
    Column& task_ = table_.add("task", Encoding::plain);
    Column& shape_ = table_.add("shape", Encoding::plain);
    Column& instruction_ = table_.add("instruction", Encoding::plain);
    Column& vma_ = table_.add("vma", Encoding::plain);
    Column& walk_ = table_.add("walk", Encoding::predicted);
    Column& before_ = table_.add("before", Encoding::predicted);
    Column& before_bits_ = table_.add("before_bits", Encoding::plain);
    Column& after_ = table_.add("after", Encoding::predicted);
    Column& after_bits_ = table_.add("after_bits", Encoding::plain);
    Column& evicted_ = table_.add("evicted", Encoding::plain);
    Column& written_ = table_.add("written", Encoding::plain);
    Column& looked_ = table_.add("looked", Encoding::plain);
    Column& slot_ = table_.add("slot", Encoding::plain);
    Column& refault_ = table_.add("refault", Encoding::predicted);
    Column& tables_ = table_.add("tables", Encoding::plain);
    Column& around_ = table_.add("around", Encoding::plain);
};

class ReclaimColumns {
public:
    explicit ReclaimColumns(Table& table) : table_(table) {}

    struct Guess : History::ReclaimGuess {
        std::uint64_t time = 0, file_page = 0;
    };

    void append(const ReclaimRow& row, std::uint32_t file_name, const Guess& guess) {
        fault_.append(row.fault);
        flags_.append(row.flags);
        reason_.append(row.reason);
        id_.append(row.page == 0 && row.file == 0 ? row.id : 0);
        file_.append(file_name);
        frame_.append(row.frame);
        time_.append(row.time_ns, guess.time);
        pid_.append(row.pid, guess.pid);
        page_.append(row.page, guess.page);
        file_page_.append(row.file_page, guess.file_page);
        age_.append(row.age_ns, guess.age);
        slot_.append(row.slot, guess.slot);
    }

private:
    Table& table_;
    Column& fault_ = table_.add("fault", Encoding::delta);
    Column& flags_ = table_.add("flags", Encoding::plain);
    Column& reason_ = table_.add("reason", Encoding::plain);
    Column& id_ = table_.add("id", Encoding::delta);  // of pages that nothing else names
    Column& file_ = table_.add("file", Encoding::plain);
    Column& frame_ = table_.add("frame", Encoding::delta);
    Column& time_ = table_.add("time", Encoding::predicted);
    Column& pid_ = table_.add("pid", Encoding::predicted);
    Column& page_ = table_.add("page", Encoding::predicted);
    Column& file_page_ = table_.add("file_page", Encoding::predicted);
    Column& age_ = table_.add("age", Encoding::predicted);
    Column& slot_ = table_.add("slot", Encoding::predicted);
};

}  // namespace

void ReportWriter::add_events(Payload& payload) const {
    FaultColumns faults(payload.add_table("faults"));
    ReclaimColumns reclaims(payload.add_table("reclaim"));
    History history;
    std::uint64_t last_time_ns = 0, last_file_page = 0;
    const auto add_reclaim = [&](const ReclaimRow& row, std::uint64_t time_ns) {
        ReclaimColumns::Guess guess{history.guess_reclaim(row), time_ns, 0};
        if (row.file != 0) {
            const VmaKey& vma = vmas_[static_cast<std::uint32_t>(guess.vma)];
            const bool is_mapped = guess.vma != 0 && row.page > vma.page;
            guess.file_page = is_mapped ? vma.file_page + row.page - 1 - vma.page : last_file_page + 1;
            last_file_page = row.file_page;
        }
        reclaims.append(row, payload.string_index(files_[row.file]), guess);
        history.note_reclaim(row);
    };
    auto reclaim = reclaims_.all().begin();
    const auto end = reclaims_.all().end();
    for (const FaultRow& fault : faults_.all()) {
        while (reclaim != end && reclaim->belongs_before(fault.fault)) {
            add_reclaim(*reclaim, reclaim->fault == fault.fault ? fault.time_ns : last_time_ns);
            ++reclaim;
        }
        const std::uint32_t pid = tasks_[fault.task].pid;
        faults.append(fault, history.guess_fault(fault, pid));
        history.note_fault(fault, pid);
        last_time_ns = fault.time_ns;
    }
    for (; reclaim != end; ++reclaim) add_reclaim(*reclaim, last_time_ns);
}

}  // namespace fl::trace::report
