// Counts what passed and prints a line a group.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <functional>
#include <string>
#include <utility>
#include <vector>

class Report {
 public:
  // The name is printed at once, so that a hang shows where it is.
  void group(const std::string& name, const std::function<void()>& checks) {
    std::printf("%-50s", name.c_str());
    std::fflush(stdout);
    const auto began = std::chrono::steady_clock::now();
    try {
      checks();
    } catch (const std::exception& error) {
      check(false, std::string("thrown: ") + error.what());
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("%5d passed %3d failed %7.2f s\n", passed_, failed_, took.count());
    constexpr std::size_t kShown = 10;
    for (std::size_t j = 0; j < failures_.size() && j < kShown; ++j)
      std::printf("  %s\n", failures_[j].c_str());
    if (failures_.size() > kShown) std::printf("  and %zu more\n", failures_.size() - kShown);
    all_passed_ += std::exchange(passed_, 0);
    all_failed_ += std::exchange(failed_, 0);
    failures_.clear();
  }

  void check(bool ok, const std::string& what) {
    ++(ok ? passed_ : failed_);
    if (!ok) failures_.push_back(what);
  }

  // The whole tally; returns the exit status.
  int finish() const {
    std::printf("%d passed, %d failed\n", all_passed_, all_failed_);
    return all_failed_ > 0;
  }

 private:
  int passed_ = 0, failed_ = 0, all_passed_ = 0, all_failed_ = 0;
  std::vector<std::string> failures_;
};
