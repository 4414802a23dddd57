#include "kernel/reclaim_options.hpp"

namespace fl::kernel {

mm::ReclaimOptions reclaim_options(const MachineOptions& options) {
    const MemoryPressure& pressure = options.pressure;
    FL_ASSERT(pressure.frames.value_or(MemoryPressure::least_frames) >= MemoryPressure::least_frames);
    mm::ReclaimOptions reclaim;
    reclaim.frames = pressure.frames;
    reclaim.scope = pressure.scope;
    reclaim.seed = options.seed;
    reclaim.kswapd = pressure.kswapd;
    if (pressure.policy) {
        reclaim.policy.info = pressure.policy->info;
        reclaim.policy.parameters = pressure.policy->parameters;
    } else {
        auto clock = replacement::parse_policy("clock");
        FL_ASSERT(clock.has_value());
        reclaim.policy = *std::move(clock);
    }
    // What comes from outside may lie; the built-in policies are checked where everything is.
    const bool is_plugin = replacement::find_policy(reclaim.policy.info->name) != reclaim.policy.info;
    const bool is_checked = is_plugin || options.paranoia == Paranoia::every_step;
    reclaim.checks = is_checked ? mm::PolicyChecks::on : mm::PolicyChecks::off;
    return reclaim;
}

}  // namespace fl::kernel
