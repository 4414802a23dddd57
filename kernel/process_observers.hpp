// ProcessObservers: whom processes tell of their beginnings, their mappings and their ends (mm/process_observer.hpp).
#pragma once

#include "mm/mm_struct.hpp"
#include "mm/process_observer.hpp"

#include <vector>

namespace fl::kernel {

class ProcessObservers {
public:
    // nullptr: nobody. It must outlive all processes.
    void add(mm::ProcessObserver* observer) {
        if (observer != nullptr) observers_.push_back(observer);
    }

    void tell_mappings(std::uint32_t process, mm::MmStruct& mm) const {
        if (observers_.empty()) return;
        const VirtRange changed = mm.vmas().take_changes();
        for (mm::ProcessObserver* observer : observers_) observer->on_mappings(process, mm, changed);
    }
    void tell_fork(std::uint32_t parent, std::uint32_t child) const {
        for (mm::ProcessObserver* observer : observers_) observer->on_fork(parent, child);
    }
    void tell_exec(std::uint32_t process, const std::string& path) const {
        for (mm::ProcessObserver* observer : observers_) observer->on_exec(process, path);
    }
    void tell_exit(std::uint32_t process, const mm::ProcessEnd& end) const {
        for (mm::ProcessObserver* observer : observers_) observer->on_exit(process, end);
    }

private:
    std::vector<mm::ProcessObserver*> observers_;
};

}  // namespace fl::kernel
