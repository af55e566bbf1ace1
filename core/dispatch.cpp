#include "dispatch.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "errors.hpp"

#if GATECAST_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace gatecast {
namespace {

#if GATECAST_X86
// Whether the processor has AMX with bfloat16 and the system lets this process use it.
bool amx_allowed() {
#if GATECAST_EMULATE_AMX
  return true;
#else
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned kAmxBf16 = 1u << 22, kAmxTile = 1u << 24;
  if ((d & kAmxBf16) == 0 || (d & kAmxTile) == 0) return false;
  constexpr long kRequestPermission = 0x1023, kTileData = 18;  // ARCH_REQ_XCOMP_PERM
  return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#endif
}
#endif

std::vector<const Kernels*> available() {
  std::vector<const Kernels*> found;
#if GATECAST_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
    if (__builtin_cpu_supports("avx512bf16")) {
      if (amx_allowed()) found.push_back(&kAmxKernels);
      found.push_back(&kAvx512Bf16Kernels);
    }
    found.push_back(&kAvx512Kernels);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back(&kAvx2Kernels);
#elif GATECAST_NEON
  found.push_back(&kNeonKernels);
#endif
  found.push_back(&kPortableKernels);
  return found;
}

const Kernels* find(const std::string& name, const char* asked_by) {
  std::string names;
  for (const Kernels* k : available()) {
    if (name == k->name) return k;
    names += (names.empty() ? "" : ", ") + std::string(k->name);
  }
  throw ConfigError(std::string(asked_by) +
                    " names an instruction set that does not run here. Got: " + name +
                    ". Use one of: " + names + ".");
}

std::atomic<const Kernels*> chosen{nullptr};

}  // namespace

const Kernels& kernels() {
  if (const Kernels* k = chosen.load()) return *k;
  const char* name = std::getenv("GATECAST_ISA");
  const Kernels* k = name && *name ? find(name, "GATECAST_ISA") : available().front();
  chosen.store(k);
  return *k;
}

std::vector<std::string> available_isas() {
  std::vector<std::string> names;
  for (const Kernels* k : available()) names.emplace_back(k->name);
  return names;
}

Precision best_precision(const std::vector<int>& hidden) {
  // Below this the products are the smaller part of the work.
  constexpr int kUnits = 32;
  const bool large = std::any_of(hidden.begin(), hidden.end(), [](int H) { return H >= kUnits; });
  return large && kernels().bfloat16_pays ? Precision::kBfloat16 : Precision::kFloat32;
}

void set_isa(const std::string& name) {
  chosen.store(name.empty() ? nullptr : find(name, "set_isa"));
}

}  // namespace gatecast
