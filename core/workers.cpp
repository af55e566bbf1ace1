#include "workers.hpp"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <system_error>

#include "errors.hpp"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace gatecast {

Workers::Workers(int threads) {
  threads_.reserve(std::max(threads - 1, 0));
  try {
    for (int worker = 1; worker < threads; ++worker)
      threads_.emplace_back([this, worker] { wait_for_tasks(worker); });
  } catch (const std::system_error&) {
    // Out of threads: those that are there do the work, with the same result.
  }
}

Workers::~Workers() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  start_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Workers::run(int n, const std::function<void(int, int)>& task) {
  if (threads_.empty() || n <= 1) {
    for (int number = 0; number < n; ++number) task(number, 0);
    return;
  }
  {
    std::lock_guard lock(mutex_);
    task_ = &task;
    n_tasks_ = n;
    next_ = 0;
    helpers_ = std::min(n - 1, int(threads_.size()));
    busy_ = helpers_;
    error_ = nullptr;
    ++generation_;
  }
  start_.notify_all();
  work(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return busy_ == 0; });
  if (error_) std::rethrow_exception(error_);
}

void Workers::work(int worker) {
  for (;;) {
    int number;
    {
      std::lock_guard lock(mutex_);
      if (next_ >= n_tasks_) return;
      number = next_++;
    }
    try {
      (*task_)(number, worker);
    } catch (...) {
      std::lock_guard lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }
}

void Workers::wait_for_tasks(int worker) {
  FlushDenormals flush;
  long seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stop_ || generation_ != seen; });
      if (stop_) return;
      seen = generation_;
      if (worker > helpers_) continue;  // fewer tasks than threads
    }
    work(worker);
    {
      std::lock_guard lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }
}

#if defined(__x86_64__)
FlushDenormals::FlushDenormals() : saved_(_mm_getcsr()) {
  _mm_setcsr(unsigned(saved_) | 0x8040u);  // FTZ and DAZ
}
FlushDenormals::~FlushDenormals() { _mm_setcsr(unsigned(saved_)); }
#elif defined(__aarch64__)
FlushDenormals::FlushDenormals() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" ::"r"(saved_ | (1ul << 24)));
}
FlushDenormals::~FlushDenormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }
#else
FlushDenormals::FlushDenormals() : saved_(0) {}
FlushDenormals::~FlushDenormals() = default;
#endif

int default_threads() {
  if (const char* text = std::getenv("GATECAST_THREADS"); text && *text) {
    char* end = nullptr;
    const long n = std::strtol(text, &end, 10);
    if (*end != '\0' || n < 1 || n > 4096)
      throw ConfigError("GATECAST_THREADS must be a whole number from 1 to 4096. Got: " +
                        std::string(text) + ".");
    return int(n);
  }
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
  return int(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace gatecast
