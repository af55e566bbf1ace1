// Arrays of floats at the start of a cache line, zeroed.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace gatecast {

inline std::size_t round_up(std::size_t n, std::size_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

class Floats {
 public:
  Floats() = default;
  explicit Floats(std::size_t n) : size_(round_up(n, 16)) {
    if (size_ == 0) return;
    data_.reset(static_cast<float*>(std::aligned_alloc(64, size_ * sizeof(float))));
    if (!data_) throw std::bad_alloc();
    clear();
  }
  void clear() {
    if (size_) std::memset(data_.get(), 0, size_ * sizeof(float));
  }
  void assign(const float* from, std::size_t n) {
    std::memcpy(data_.get(), from, n * sizeof(float));
  }
  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float, Free> data_;
  std::size_t size_ = 0;
};

}  // namespace gatecast
