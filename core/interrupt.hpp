// Lets the caller end long work that several threads share.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>

namespace gatecast {

class Interrupt {
 public:
  // `keep_going` is asked on the calling thread alone, a few times a second.
  explicit Interrupt(std::function<bool()> keep_going) : keep_going_(std::move(keep_going)) {}

  // Whether to stop; to be asked before every tile. Worker 0 is the calling thread.
  bool requested(int worker) {
    if (worker == 0 && !stop_) {
      const auto now = std::chrono::steady_clock::now();
      if (now - asked_ > std::chrono::milliseconds(50)) {
        asked_ = now;
        if (!keep_going_()) stop_ = true;
      }
    }
    return stop_;
  }
  bool requested() const { return stop_; }

 private:
  std::function<bool()> keep_going_;
  std::chrono::steady_clock::time_point asked_ = std::chrono::steady_clock::now();
  std::atomic<bool> stop_ = false;
};

}  // namespace gatecast
