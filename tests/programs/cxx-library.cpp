// cxx-library: what a C++ program's own library asks of the kernel: exceptions through many frames and across threads,
// threads, futures, locks, condition variables, thread-local objects, files and containers.
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <fstream>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <regex>
#include <shared_mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

struct Counted {
    static inline std::atomic<int> alive{0};
    Counted() { ++alive; }
    Counted(const Counted&) { ++alive; }
    ~Counted() { --alive; }
};

int thrown_from(int depth) {
    Counted local;
    if (depth == 0) throw std::runtime_error("from the depth");
    return thrown_from(depth - 1) + 1;
}

void exceptions() {
    int caught = 0;
    for (int i = 0; i < 100; ++i) {
        try {
            thrown_from(i);
        } catch (const std::exception& error) {
            caught += std::string(error.what()) == "from the depth" ? 1 : 0;
        }
    }
    std::cout << "exceptions: " << caught << " caught, " << Counted::alive << " objects left\n";
    try {
        (void)std::vector<int>().at(3);
    } catch (const std::out_of_range&) {
        std::cout << "out of range\n";
    }
    try {
        (void)std::make_unique<char[]>(std::size_t{1} << 46);
        std::cout << "so much memory\n";
    } catch (const std::bad_alloc&) {
        std::cout << "bad alloc\n";
    }
}

struct Announced {
    explicit Announced(std::atomic<int>& ended) : ended_(ended) {}
    ~Announced() { ++ended_; }
    int value = 0;
    std::atomic<int>& ended_;
};
std::atomic<int> ended{0};
thread_local Announced own(ended);

void threads() {
    std::mutex lock;
    std::shared_mutex shared;
    std::condition_variable there;
    int waiting = 0, sum = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 8; ++i) {
        all.emplace_back([&, i] {
            own.value = i;
            std::unique_lock guard(lock);
            ++waiting;
            there.notify_all();
            there.wait(guard, [&] { return waiting == 8; });
            guard.unlock();
            for (int round = 0; round < 200; ++round) {
                const std::shared_lock read(shared);
                if (sum < 0) return;
            }
            const std::unique_lock write(shared);
            sum += own.value;
        });
    }
    for (std::thread& thread : all) thread.join();
    std::cout << "threads: sum " << sum << ", thread-local objects ended: " << ended << "\n";
}

void futures() {
    std::vector<std::future<long>> results;
    for (int part = 0; part < 6; ++part) {
        results.push_back(std::async(std::launch::async, [part] {
            std::vector<long> numbers(20000);
            std::iota(numbers.begin(), numbers.end(), part * 20000L);
            return std::accumulate(numbers.begin(), numbers.end(), 0L);
        }));
    }
    long sum = 0;
    for (auto& result : results) sum += result.get();
    auto failing = std::async(std::launch::async, [] { return thrown_from(5); });
    try {
        failing.get();
    } catch (const std::runtime_error& error) {
        std::cout << "futures: " << sum << ", and one threw \"" << error.what() << "\"\n";
    }
    std::promise<int> promise;
    std::thread setter([&promise] {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        promise.set_value(42);
    });
    auto future = promise.get_future();
    const bool early = future.wait_for(std::chrono::microseconds(1)) == std::future_status::ready;
    std::cout << "promise: " << early << " " << future.get() << "\n";
    setter.join();
}

void library() {
    std::map<std::string, int> counts;
    std::istringstream words("one two three two three three");
    for (std::string word; words >> word;) ++counts[word];
    for (const auto& [word, count] : counts) std::cout << word << "=" << count << " ";
    std::cout << std::regex_replace("a1b22c333", std::regex("[0-9]+"), "#") << "\n";
    const char* const name = "/tmp/cxx-library-test";
    std::ofstream(name) << "line one\nline two\n";
    std::ifstream file(name);
    int lines = 0;
    for (std::string line; std::getline(file, line);) ++lines;
    std::cout << "file: " << lines << " lines, removed: " << (std::remove(name) == 0) << "\n";
}

}  // namespace

int main() {
    exceptions();
    threads();
    futures();
    library();
    std::cout.flush();
    std::set_terminate([] {
        std::fputs("terminated\n", stderr);
        std::_Exit(3);
    });
    std::thread([] { throw 1; }).join();
}
