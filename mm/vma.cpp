#include "mm/vma.hpp"

namespace fl::mm {

std::string protection_string(VmFlags flags) {
    return {flags.has(vm_read) ? 'r' : '-', flags.has(vm_write) ? 'w' : '-', flags.has(vm_exec) ? 'x' : '-',
            flags.has(vm_mayshare) ? 's' : 'p'};
}

const char* Vma::vm_ops() const {
    if (is_anonymous()) return nullptr;
    if (file() == nullptr) return "special_mapping_vmops";
    return file()->kind() == FileKind::shared_memory ? "shmem_vm_ops" : "generic_file_vm_ops";
}

}  // namespace fl::mm
