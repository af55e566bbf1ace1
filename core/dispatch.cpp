#include "dispatch.hpp"

#include <atomic>
#include <cstdlib>

#include "errors.hpp"

namespace gatecast {
namespace {

std::vector<const Kernels*> available() {
  std::vector<const Kernels*> found;
#if GATECAST_X86
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
    found.push_back(&kAvx512Kernels);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    found.push_back(&kAvx2Kernels);
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

void set_isa(const std::string& name) {
  chosen.store(name.empty() ? nullptr : find(name, "set_isa"));
}

}  // namespace gatecast
