#include "mm/vma.hpp"

namespace fl::mm {

std::string protection_string(VmFlags flags) {
    return {flags.has(vm_read) ? 'r' : '-', flags.has(vm_write) ? 'w' : '-', flags.has(vm_exec) ? 'x' : '-',
            flags.has(vm_shared) ? 's' : 'p'};
}

}  // namespace fl::mm
