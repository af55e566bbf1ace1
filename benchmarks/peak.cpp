// What this machine can do at best, to hold the engine's figures against: multiply-adds in float32,
// dot products of bfloat16, AMX tiles, and memory bandwidth, on one thread and on all.
//
//   g++ -std=c++20 -O2 -pthread peak.cpp -o peak && ./peak THREADS
//
// It answers each line of its input with one line of JSON, GFLOP/s and GB/s as [one thread, all].
// The instruction set is chosen at run time, so it needs no -march.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

using Clock = std::chrono::steady_clock;

// A kernel does a fraction of a millisecond's work and returns how many operations (or bytes) it
// was.
using Kernel = double (*)(int thread, int threads);
constexpr int kTurns = 20000;
volatile float sink;

// Independent multiply-adds, as many as cover their latency and fit into the registers. They start
// from different values, or the compiler would make one of them; x and y come from nowhere.
#define FMA_KERNEL(NAME, TARGET, BYTES, CHAINS)                                          \
  TARGET double NAME(int, int) {                                                         \
    typedef float V __attribute__((vector_size(BYTES)));                                 \
    V x = V{} + 0.5f, y = V{} + 1e-3f, sum[CHAINS], all = V{};                           \
    asm volatile("" : "+m"(x), "+m"(y));                                                 \
    _Pragma("GCC unroll 32") for (int i = 0; i < CHAINS; ++i) sum[i] = V{} + float(i);   \
    for (int turn = 0; turn < kTurns; ++turn)                                            \
      _Pragma("GCC unroll 32") for (int i = 0; i < CHAINS; ++i) sum[i] = sum[i] * x + y; \
    _Pragma("GCC unroll 32") for (int i = 0; i < CHAINS; ++i) all += sum[i];             \
    sink = all[0];                                                                       \
    return 2.0 * kTurns * CHAINS * (BYTES / 4);                                          \
  }

FMA_KERNEL(fma_portable, , 16, 12)  // NEON on AArch64

#if defined(__x86_64__)

FMA_KERNEL(fma_avx2, __attribute__((target("avx2,fma"))), 32, 12)
FMA_KERNEL(fma_avx512, __attribute__((target("avx512f"))), 64, 24)

__attribute__((target("avx512f,avx512bf16"))) double dot_bf16(int, int) {
  constexpr int chains = 24;
  __m512i x = _mm512_set1_epi16(0x3f00), y = _mm512_set1_epi16(0x3a80);
  asm volatile("" : "+v"(x), "+v"(y));
  __m512 sum[chains], all = _mm512_setzero_ps();
#pragma GCC unroll 32
  for (int i = 0; i < chains; ++i) sum[i] = _mm512_set1_ps(float(i));
  for (int turn = 0; turn < kTurns; ++turn)
#pragma GCC unroll 32
    for (int i = 0; i < chains; ++i) sum[i] = _mm512_dpbf16_ps(sum[i], (__m512bh)x, (__m512bh)y);
#pragma GCC unroll 32
  for (int i = 0; i < chains; ++i) all += sum[i];
  sink = all[0];
  return 4.0 * kTurns * chains * 16;
}

// Four products of two by two tiles of 16 x 32, from registers; as many as there are tiles for.
__attribute__((target("amx-tile,amx-bf16"))) double amx_bf16(int, int) {
  struct {
    std::uint8_t palette = 1, start = 0, reserved[14] = {};
    std::uint16_t bytes_a_row[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } configuration;
  alignas(64) static thread_local std::uint16_t data[16 * 32];
  asm volatile("" : : "r"(&configuration) : "memory");  // the next reads it behind a pointer
  _tile_loadconfig(&configuration);
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  _tile_loadd(4, data, 64);
  _tile_loadd(5, data, 64);
  _tile_loadd(6, data, 64);
  _tile_loadd(7, data, 64);
  for (int turn = 0; turn < kTurns; ++turn) {
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_release();
  return 4.0 * kTurns * 2 * 16 * 16 * 32;
}

// The processor has AMX, and the kernel lets this process use it.
bool amx_is_allowed() {
  unsigned a, b, c, d;
  constexpr unsigned bf16 = 1u << 22, tile = 1u << 24;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (bf16 | tile)) != (bf16 | tile))
    return false;
  constexpr long request_permission = 0x1023, tile_data = 18;
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}

#endif

// a = b + s c on arrays that no cache holds; the read that a write costs is not counted.
constexpr std::size_t kLength = 48u << 20;
std::vector<float> a, b, c;

double triad(int thread, int threads) {
  static thread_local std::size_t piece = 0;
  constexpr std::size_t n = 1 << 14;
  const std::size_t mine = kLength / threads / n;
  const std::size_t at = (thread * mine + piece++ % mine) * n;
  float *out = &a[at], *x = &b[at], *y = &c[at];
  for (std::size_t i = 0; i < n; ++i) out[i] = x[i] + 1.5f * y[i];
  asm volatile("" : : : "memory");
  return 12.0 * n;
}

// Thousands of millions a second, all threads together: the best of three short spells, so that a
// moment in which something else ran does not count.
double rate(Kernel kernel, int threads) {
  double best = 0;
  for (int spell = 0; spell < 3; ++spell) {
    std::atomic<int> waiting = threads;
    std::vector<double> rates(threads);
    const auto work = [&](int thread) {
      for (--waiting; waiting > 0;) std::this_thread::yield();
      const auto started = Clock::now();
      double done = 0, seconds = 0;
      while (seconds < 0.02) {
        done += kernel(thread, threads);
        seconds = std::chrono::duration<double>(Clock::now() - started).count();
      }
      rates[thread] = done / seconds / 1e9;
    };
    std::vector<std::thread> others;
    for (int thread = 1; thread < threads; ++thread) others.emplace_back(work, thread);
    work(0);
    for (auto& other : others) other.join();
    double sum = 0;
    for (const double one : rates) sum += one;
    best = std::max(best, sum);
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::vector<std::pair<std::string, Kernel>> kernels;
  const char* isa = "portable";
  Kernel fma = fma_portable;
#if defined(__x86_64__)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f")) {
    isa = "avx512", fma = fma_avx512;
  } else if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
    isa = "avx2", fma = fma_avx2;
  }
  kernels.emplace_back("fma", fma);
  if (__builtin_cpu_supports("avx512bf16")) kernels.emplace_back("bf16", dot_bf16);
  if (amx_is_allowed()) kernels.emplace_back("amx", amx_bf16);
#else
  kernels.emplace_back("fma", fma);
#endif
  a.assign(kLength, 0), b.assign(kLength, 1), c.assign(kLength, 2);
  kernels.emplace_back("triad", triad);

  std::cout << "{\"isa\": \"" << isa << "\"}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const char* comma = "{";
    for (const auto& [name, kernel] : kernels) {
      std::cout << comma << '"' << name << "\": [" << rate(kernel, 1) << ", "
                << rate(kernel, threads) << ']';
      comma = ", ";
    }
    std::cout << '}' << std::endl;
  }
}
