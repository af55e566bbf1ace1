#define GATECAST_ISA avx512bf16
#include "kernel_table.hpp"

namespace gatecast {
constinit const Kernels kAvx512Bf16Kernels = avx512bf16::kernel_table("avx512bf16", "avx512_bf16");
}
