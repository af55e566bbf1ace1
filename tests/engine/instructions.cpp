// Small fixed jobs on one thread, to be run under a counter of instructions (see count.py): the
// difference between two numbers of repetitions is free of what starting up costs.
//
// instructions train ISA N      N steps on the tutorial's network and its 45 windows
// instructions forecast ISA N   N forecasts of one series, 12 steps, by a network of 64 and 64
// units

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "forecast.hpp"
#include "interrupt.hpp"
#include "network.hpp"
#include "train.hpp"

namespace gatecast {
namespace {

std::vector<double> wave(int length) {
  std::vector<double> y(length);
  for (int t = 0; t < length; ++t) y[t] = 2.0 + std::sin(0.5 * t);
  return y;
}

std::vector<float> initial(const Network& network) {
  std::vector<float> parameters(network.size);
  initialise(network, 1, 1.0f, parameters.data());
  return parameters;
}

void train_steps(int n) {
  const Windowing windowing{50, 1, Scaling::kNone, Anchor::kNone, 1};
  const std::vector<double> y = wave(95);
  const std::vector<std::int64_t> indptr{0, std::int64_t(y.size())};
  const WindowSplit split = split_by_time(indptr.data(), 1, 50, 1, 0.0);
  SeriesWindows windows(y.data(), indptr.data(), windowing, split.training);
  const Network network(1, {5, 20}, 1, 0.0f);
  std::vector<float> parameters = initial(network);
  Training training;
  training.epochs = n;  // all windows are one batch
  training.clip_norm = 1.0f;
  Interrupt never([] { return true; });
  train(
      network, Loss{}, windows, nullptr, training, parameters.data(),
      [](const EpochReport&) { return true; }, never);
}

void forecast_once(int n) {
  const Windowing windowing{48, 12, Scaling::kStandard, Anchor::kLast, 1};
  const std::vector<double> y = wave(48);
  const std::int64_t begin = 0, end = 48;
  const Network network(1, {64, 64}, 12, 0.0f);
  const std::vector<float> parameters = initial(network);
  Interrupt never([] { return true; });
  double out[12];
  for (int j = 0; j < n; ++j)
    forecast(network, parameters.data(), windowing, {y.data(), &begin, &end, 1}, 1, never, out);
}

}  // namespace
}  // namespace gatecast

int main(int argc, char** argv) {
  const std::string job = argc == 4 ? argv[1] : "";
  const int n = argc == 4 ? std::atoi(argv[3]) : 0;
  if ((job != "train" && job != "forecast") || n < 1) {
    std::fprintf(stderr, "usage: instructions train|forecast ISA N\n");
    return 2;
  }
  try {
    gatecast::set_isa(argv[2]);
    job == "train" ? gatecast::train_steps(n) : gatecast::forecast_once(n);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
