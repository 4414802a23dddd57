#include "cli/progress_bar.hpp"

#include <doctest/doctest.h>

namespace fl::cli {

TEST_CASE("progress_text: pieces, how fast, and how long it will take") {
    CHECK(progress_text({.done = 500, .total = 1000, .seconds = 20}, 80) ==
          "[####################....................]  500/1000  50.0 %  25.0/s  ETA 0:20");
    CHECK(progress_text({.done = 0, .total = 10, .seconds = 5}, 80) ==
          "[........................................]  0/10  0.0 %");
    CHECK(progress_text({.done = 1, .total = 7201, .seconds = 1}, 80).ends_with("1.0/s  ETA 2:00:00"));
}

TEST_CASE("progress_text: bytes have units, and no rate") {
    const std::string text =
        progress_text({.done = 1 << 20, .total = 4 << 20, .seconds = 1, .unit = ProgressUnit::bytes}, 80);
    CHECK(text.ends_with("  1 MiB/4 MiB  25.0 %  ETA 0:03"));
}

TEST_CASE("progress_text: without a total, or with more than that") {
    CHECK(progress_text({.done = 3 << 20, .seconds = 1, .unit = ProgressUnit::bytes}, 80) == "3 MiB read");
    CHECK(progress_text({.done = 11, .total = 10, .seconds = 1}, 80).find("100.0 %") != std::string::npos);
}

TEST_CASE("progress_text: in no more columns than there are") {
    for (std::size_t columns = 0; columns < 100; ++columns)
        CHECK(progress_text({.done = 500, .total = 1000, .seconds = 20}, columns).size() <= columns);
}

}  // namespace fl::cli
