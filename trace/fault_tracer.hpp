// FaultTracer: sees every fault, finds out which instruction took it, and hands both to a writer; and with them what
// reclaim did.
//
// What was found out is kept by program and address and shown again only while the bytes there are the same, so that
// code which writes itself is shown as it was at each fault.
#pragma once

#include "trace/code_reader.hpp"
#include "trace/disassembler.hpp"
#include "trace/sampler.hpp"
#include "trace/symbolizer.hpp"
#include "trace/writer.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

namespace fl::trace {

// What faults take of virtual time.
struct FaultCosts {
    std::uint64_t minor_ns = 0;
    std::uint64_t major_ns = 0;
};

class FaultTracer final : public mm::FaultObserver {
public:
    // `writer` must outlive the tracer.
    explicit FaultTracer(Writer& writer) : writer_(writer) {}
    void set_costs(const FaultCosts& costs) { costs_ = costs; }
    // From now on faults make samples; `sampler` must outlive the tracer.
    void sample_with(Sampler& sampler) { sampler_ = &sampler; }

    // The program is loaded: from now on instructions can be named. Faults that exec itself took came before and
    // have none. `code` must live for as long as faults arrive.
    void attach(const CodeReader& code);

    void on_fault(const mm::FaultEvent& event) noexcept override;
    void on_eviction(const mm::EvictionEvent& event) noexcept override { writer_.write_eviction(event); }
    void on_write_back(const mm::WriteBackEvent& event) noexcept override { writer_.write_write_back(event); }

private:
    struct Code {
        std::array<std::byte, max_instruction_bytes> bytes{};
        std::size_t size = 0;
        friend bool operator==(const Code&, const Code&) = default;
    };
    struct KnownInstruction {
        Code code;
        Instruction instruction;
    };

    // A program at a place in memory: its file's number, and what was added to its addresses.
    using ImageKey = std::pair<std::uint32_t, std::uint64_t>;
    struct Image {
        Image(std::vector<std::byte> file_bytes, std::uint64_t load_bias) : names(std::move(file_bytes), load_bias) {}

        Symbolizer names;
        std::unordered_map<VirtAddr, KnownInstruction> instructions;
    };

    Image& current_image();
    const Instruction& instruction_at(VirtAddr address);
    void describe(KnownInstruction& known, Image& image, VirtAddr address, const Code& code);

    Writer& writer_;
    FaultCosts costs_;
    Sampler* sampler_ = nullptr;  // nullptr: nobody wants samples
    const CodeReader* code_ = nullptr;
    std::unique_ptr<Disassembler> disassembler_;
    std::map<ImageKey, Image> images_;
    std::size_t known_count_ = 0;  // instructions of all images
    std::uint64_t last_id_ = 0;
    const Instruction unknown_{};
};

}  // namespace fl::trace
