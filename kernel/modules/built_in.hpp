// The modules that come with faultline, one file each.
#pragma once

#include "kernel/modules/module.hpp"

namespace fl::kernel::built_in {

const ModuleInfo& fragment();
const ModuleInfo& memshow();
const ModuleInfo& pgwalk();
const ModuleInfo& vmashow();

}  // namespace fl::kernel::built_in
