// ObserverFan: a machine has one observer of faults and one of processes; this one tells several.
#pragma once

#include "mm/fault_event.hpp"
#include "mm/process_observer.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace fl::cli {

class ObserverFan final : public mm::FaultObserver, public mm::ProcessObserver {
public:
    // nullptr: nobody. In the order in which they are to be told; they must outlive the fan.
    void add(mm::FaultObserver* observer) {
        if (observer != nullptr) faults_.push_back(observer);
    }
    void add(mm::ProcessObserver* observer) {
        if (observer != nullptr) processes_.push_back(observer);
    }

    // Whom a machine is to tell: nobody, the only one that there is, or the fan.
    mm::FaultObserver* fault_observer() {
        return faults_.size() > 1 ? this : faults_.empty() ? nullptr : faults_.front();
    }
    mm::ProcessObserver* process_observer() {
        return processes_.size() > 1 ? this : processes_.empty() ? nullptr : processes_.front();
    }

    void on_fault(const mm::FaultEvent& event) override {
        for (mm::FaultObserver* observer : faults_) observer->on_fault(event);
    }
    void on_eviction(const mm::EvictionEvent& event) override {
        for (mm::FaultObserver* observer : faults_) observer->on_eviction(event);
    }
    void on_write_back(const mm::WriteBackEvent& event) override {
        for (mm::FaultObserver* observer : faults_) observer->on_write_back(event);
    }
    void on_mappings(std::uint32_t process, const mm::MmStruct& mm, VirtRange changed) noexcept override {
        for (mm::ProcessObserver* observer : processes_) observer->on_mappings(process, mm, changed);
    }
    void on_fork(std::uint32_t parent, std::uint32_t child) noexcept override {
        for (mm::ProcessObserver* observer : processes_) observer->on_fork(parent, child);
    }
    void on_exec(std::uint32_t process, const std::string& path) noexcept override {
        for (mm::ProcessObserver* observer : processes_) observer->on_exec(process, path);
    }
    void on_exit(std::uint32_t process, const mm::ProcessEnd& end) noexcept override {
        for (mm::ProcessObserver* observer : processes_) observer->on_exit(process, end);
    }

private:
    std::vector<mm::FaultObserver*> faults_;
    std::vector<mm::ProcessObserver*> processes_;
};

}  // namespace fl::cli
