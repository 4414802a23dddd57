#include "kernel/fiber.hpp"

#include "emu/assert.hpp"

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <new>
#include <utility>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <dlfcn.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace fl::kernel {

namespace {

constexpr std::size_t guard_bytes = 4096;

// Stacks of fibers that have ended are used again: the first touch of fresh memory costs more than all the rest.
class StackPool {
public:
    StackPool() = default;
    StackPool(const StackPool&) = delete;
    StackPool& operator=(const StackPool&) = delete;
    ~StackPool() {
        for (std::byte* stack : free_) unmap(stack);
    }

    std::byte* take() {
        if (!free_.empty()) {
            std::byte* stack = free_.back();
            free_.pop_back();
            return stack;
        }
        void* mapped = ::mmap(nullptr, Fiber::stack_bytes + guard_bytes, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
        if (mapped == MAP_FAILED) throw std::bad_alloc();
        // One that grows too deep ends the emulator instead of writing to what lies below.
        if (::mprotect(mapped, guard_bytes, PROT_NONE) != 0) {
            ::munmap(mapped, Fiber::stack_bytes + guard_bytes);
            throw std::bad_alloc();
        }
        return static_cast<std::byte*>(mapped) + guard_bytes;
    }
    void give(std::byte* stack) {
        constexpr std::size_t max_kept = 64;
        if (free_.size() < max_kept) {
            free_.push_back(stack);
        } else {
            unmap(stack);
        }
    }

private:
    static void unmap(std::byte* stack) { ::munmap(stack - guard_bytes, Fiber::stack_bytes + guard_bytes); }
    std::vector<std::byte*> free_;
};

StackPool& stacks() {
    static thread_local StackPool pool;
    return pool;
}

#if defined(__SANITIZE_ADDRESS__)
// AddressSanitizer's stand-in warns on stderr that it does not know what happens here. It does: it is told around each
// switch.
int switch_context(ucontext_t* from, const ucontext_t* to) {
    using Switch = int (*)(ucontext_t*, const ucontext_t*);
    static const auto real = reinterpret_cast<Switch>(::dlsym(::dlopen("libc.so.6", RTLD_NOW), "swapcontext"));
    return real(from, to);
}
#else
int switch_context(ucontext_t* from, const ucontext_t* to) { return ::swapcontext(from, to); }
#endif

}  // namespace

struct Fiber::Contexts {
    ucontext_t own{};
    ucontext_t resumer{};
#if defined(__SANITIZE_ADDRESS__)
    void* own_fake_stack = nullptr;
    void* resumer_fake_stack = nullptr;
    const void* resumer_stack = nullptr;
    std::size_t resumer_stack_bytes = 0;
#endif
};

Fiber::Fiber(std::function<void()> work)
    : work_(std::move(work)), contexts_(std::make_unique<Contexts>()), stack_(stacks().take()) {
    FL_ASSERT(::getcontext(&contexts_->own) == 0);
    contexts_->own.uc_stack.ss_sp = stack_;
    contexts_->own.uc_stack.ss_size = stack_bytes;
    contexts_->own.uc_link = nullptr;
    // makecontext(3) passes on ints alone.
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    ::makecontext(&contexts_->own, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
                  static_cast<unsigned>(self));
}

Fiber::~Fiber() {
    FL_ASSERT(!begun_ || finished_);
    stacks().give(stack_);
}

void Fiber::enter(unsigned high, unsigned low) {
    const std::uintptr_t self = std::uintptr_t{high} << 32 | low;
    reinterpret_cast<Fiber*>(self)->run();
}

void Fiber::run() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &contexts_->resumer_stack, &contexts_->resumer_stack_bytes);
#endif
    try {
        work_();
    } catch (...) {
        thrown_ = std::current_exception();
    }
    finished_ = true;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(nullptr, contexts_->resumer_stack, contexts_->resumer_stack_bytes);
#endif
    ::setcontext(&contexts_->resumer);
}

void Fiber::resume() {
    FL_ASSERT(!finished_);
    begun_ = true;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&contexts_->resumer_fake_stack, stack_, stack_bytes);
#endif
    FL_ASSERT(switch_context(&contexts_->resumer, &contexts_->own) == 0);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(contexts_->resumer_fake_stack, nullptr, nullptr);
#endif
    if (thrown_ != nullptr) std::rethrow_exception(std::exchange(thrown_, nullptr));
}

void Fiber::suspend() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&contexts_->own_fake_stack, contexts_->resumer_stack,
                                   contexts_->resumer_stack_bytes);
#endif
    FL_ASSERT(switch_context(&contexts_->own, &contexts_->resumer) == 0);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(contexts_->own_fake_stack, &contexts_->resumer_stack,
                                    &contexts_->resumer_stack_bytes);
#endif
}

}  // namespace fl::kernel
