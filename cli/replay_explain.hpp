// faultline replay --explain: each eviction in words.
#pragma once

#include "cli/sweep_grid.hpp"
#include "lab/explain.hpp"
#include "lab/recording.hpp"

#include <tl/expected.hpp>

#include <string>

namespace fl::cli {

// The error is lab::explain()'s.
tl::expected<std::string, std::string> explanation_text(const lab::Recording& recording,
                                                        const lab::PreparedString& string, const NamedPolicy& policy,
                                                        const lab::ExplainOptions& options);

}  // namespace fl::cli
