#define GATECAST_ISA avx2
#include "kernel_table.hpp"

namespace gatecast {
constinit const Kernels kAvx2Kernels = avx2::kernel_table("avx2", "emulation");
}
