// Counter-based random numbers: a value depends on (seed, stream, index) alone, never on the order
// or the thread in which it is asked for.
#pragma once

#include <array>
#include <cstdint>

namespace gatecast {

// What a stream of numbers is for; different purposes never share numbers.
enum class Purpose : std::uint32_t {
  kInitialise = 1,
  kShuffle = 2,
  kDropout = 3,
  kBalance = 4,
  kEpoch = 5
};

// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
inline std::array<std::uint32_t, 4> philox(std::uint64_t seed, Purpose purpose,
                                           std::uint32_t stream, std::uint64_t index) {
  std::array<std::uint32_t, 4> x{std::uint32_t(index), std::uint32_t(index >> 32), stream,
                                 std::uint32_t(purpose)};
  std::uint32_t key0 = std::uint32_t(seed), key1 = std::uint32_t(seed >> 32);
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xD2511F53ull * x[0], b = 0xCD9E8D57ull * x[2];
    x = {std::uint32_t(b >> 32) ^ x[1] ^ key0, std::uint32_t(b),
         std::uint32_t(a >> 32) ^ x[3] ^ key1, std::uint32_t(a)};
    key0 += 0x9E3779B9u;
    key1 += 0xBB67AE85u;
  }
  return x;
}

// The numbers of one stream in sequence.
class Random {
 public:
  Random(std::uint64_t seed, Purpose purpose, std::uint32_t stream)
      : seed_(seed), purpose_(purpose), stream_(stream) {}

  std::uint32_t next() {
    if (used_ == 4) {
      block_ = philox(seed_, purpose_, stream_, index_++);
      used_ = 0;
    }
    return block_[used_++];
  }
  // Uniform in [0, 1) with 53 bits.
  double uniform() {
    const std::uint64_t high = next() >> 5, low = next() >> 6;
    return (double(high) * 67108864.0 + double(low)) / 9007199254740992.0;
  }
  // Uniform in 0 ... n-1, without bias (Lemire, 2019).
  std::uint32_t below(std::uint32_t n) {
    std::uint64_t product = std::uint64_t(next()) * n;
    if (std::uint32_t(product) < n) {
      const std::uint32_t threshold = -n % n;
      while (std::uint32_t(product) < threshold) product = std::uint64_t(next()) * n;
    }
    return std::uint32_t(product >> 32);
  }

 private:
  std::uint64_t seed_;
  Purpose purpose_;
  std::uint32_t stream_;
  std::uint64_t index_ = 0;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

// Thirty-two well mixed bits of a key and an element's place: cheap enough for one per activation.
inline std::uint32_t mix(std::uint32_t key, std::uint32_t element) {
  std::uint32_t x = element * 0x9E3779B9u ^ key;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  return x ^ (x >> 16);
}

}  // namespace gatecast
