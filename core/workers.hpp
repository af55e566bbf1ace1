// A few threads that wait without spinning and take tasks by number.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace gatecast {

class Workers {
 public:
  // `threads` counts the calling thread, which works too. Fewer are had where the system gives no
  // more.
  explicit Workers(int threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  int threads() const { return int(threads_.size()) + 1; }

  // How many parts simple work on so many numbers is cut into: waking a thread costs as much as
  // going through some ten thousand.
  int parts(std::size_t numbers) const {
    constexpr std::size_t kEnough = 64 << 10;
    return int(std::min<std::size_t>(1 + numbers / kEnough, threads()));
  }

  // Calls task(number, worker) for every number in 0 ... n-1 and returns when all are done.
  // `worker` is in 0 ... min(n, threads())-1 and never used by two threads at a time.
  // The first exception of a task is thrown here, after the others have ended.
  void run(int n, const std::function<void(int number, int worker)>& task);

 private:
  void work(int worker);
  void wait_for_tasks(int worker);

  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int, int)>* task_ = nullptr;
  int n_tasks_ = 0, next_ = 0, helpers_ = 0, busy_ = 0;
  long generation_ = 0;
  bool stop_ = false;
  std::exception_ptr error_;
  std::vector<std::thread> threads_;
};

// Flushes denormal numbers to zero on this thread while it lives, then restores its state.
class FlushDenormals {
 public:
  FlushDenormals();
  ~FlushDenormals();
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  unsigned long saved_;
};

// How many threads to use where the user said nothing: GATECAST_THREADS, else the processors that
// this process may run on.
int default_threads();

}  // namespace gatecast
