#include "string_support.hpp"

#include <random>

namespace fl::lab {

ReferenceString random_string(const StringShape& shape) {
    std::mt19937_64 random(shape.seed);
    ReferenceString string;
    std::uint64_t base = 0;
    const std::uint64_t stay = 1 + shape.seed % 30;
    for (std::size_t i = 0; i < shape.runs; ++i) {
        if (random() % stay == 0) base = random() % shape.pages;
        const auto page =
            static_cast<PageId>((base + (i % 2) * 3 + (random() % 4 == 0 ? random() % 5 : 0)) % shape.pages);
        const std::uint64_t kind = random() % 64;
        if (shape.has_events && kind < 2) {
            string.push_back(Run::gone(page));
        } else if (shape.has_events && kind < 4) {
            string.push_back(Run::needed(page));
        } else {
            const auto count = static_cast<std::uint32_t>(kind % 4 == 0 ? 1 + random() % 9 : 1);
            string.push_back({page, kind % 3 == 0 ? Access::write : Access::read, count});
        }
    }
    return string;
}

ReferenceString string_of_changing_pace() {
    std::mt19937_64 random(7);
    ReferenceString runs;
    for (unsigned stretch = 0; stretch < 4; ++stretch) {
        const bool is_quiet = stretch % 2 == 0;
        for (std::size_t i = 0; i < (is_quiet ? 150'000U : 3'000U); ++i) {
            const std::uint64_t page = is_quiet && random() % 4000 != 0 ? random() % 12 : random() % 60;
            const std::uint64_t kind = random() % 5000;
            if (kind == 0) {
                runs.push_back(Run::gone(static_cast<PageId>(page)));
            } else if (kind == 1) {
                runs.push_back(Run::needed(static_cast<PageId>(page)));
            } else {
                runs.push_back({static_cast<PageId>(page), kind % 7 == 0 ? Access::write : Access::read,
                                static_cast<std::uint32_t>(1 + kind % 3)});
            }
        }
    }
    return runs;
}

const std::vector<std::string> busy_variants = {"clock,load=0",
                                                "sieve,load=1",
                                                "lfu,history=forever",
                                                "nru,form=random,interval=13",
                                                "lru-k,correlated=2",
                                                "nfu-aging,form=nfu,interval=7",
                                                "nfu-aging,interval=1",
                                                "s3-fifo,promote=1",
                                                "working-set,window=60",
                                                "pff,threshold=3",
                                                "wsclock,window=3,writes=1"};

}  // namespace fl::lab
