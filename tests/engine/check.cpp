// Checks the engine without Python: against the float64 oracle, the same bits on any number of
// threads, and the ways in which work ends early. Prints a line a group; exits 1 where one failed.
//
// check [--quick] [--isa NAME]
// --quick is small enough for an emulator. Without --isa, every instruction set of this machine.

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "dispatch.hpp"
#include "errors.hpp"
#include "forecast.hpp"
#include "hybrid.hpp"
#include "oracle.hpp"
#include "report.hpp"
#include "smoothing.hpp"
#include "trace.hpp"
#include "workers.hpp"

namespace gatecast {
namespace {

using oracle::Batch;
using oracle::Draws;
using oracle::Vector;

// How far a result may be from the oracle's, as a share of its tensor's largest element.
struct Tolerance {
  Precision precision;
  const char* name;
  double outputs, gradients, trained;
};
constexpr Tolerance kTolerances[] = {{Precision::kFloat32, "float32", 1e-5, 1e-5, 1e-4},
                                     {Precision::kBfloat16, "bfloat16", 1e-2, 1e-2, 1e-2}};

Network in_precision(Precision precision, Network network) {
  network.precision = precision;
  return network;
}

const std::vector<Loss> kLosses{{Loss::Kind::kMse, {}, 1.0f},
                                {Loss::Kind::kMae, {}, 1.0f},
                                {Loss::Kind::kHuber, {}, 0.5f},
                                {Loss::Kind::kPinball, {0.1f, 0.5f, 0.9f}, 1.0f}};

std::string name_of(const Loss& loss) {
  switch (loss.kind) {
    case Loss::Kind::kMse:
      return "mse";
    case Loss::Kind::kMae:
      return "mae";
    case Loss::Kind::kHuber:
      return "huber";
    case Loss::Kind::kPinball:
      return "pinball";
  }
  return "";
}

std::string text(double x) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%.2e", x);
  return buffer;
}

Vector doubles(const std::vector<float>& v) { return Vector(v.begin(), v.end()); }

// Within `tolerance` of the largest that is expected, plus `slack`.
template <class T>
void compare(Report& report, const std::string& what, const T* actual, const double* expected,
             std::size_t n, double tolerance, double slack = 0) {
  double off = 0, largest = 0;
  for (std::size_t j = 0; j < n; ++j) {
    const double distance = std::fabs(double(actual[j]) - expected[j]);
    if (!std::isnan(off) && !(distance <= off)) off = distance;  // a NaN is taken, and stays
    largest = std::max(largest, std::fabs(expected[j]));
  }
  report.check(off <= tolerance * largest + slack,
               what + " is off by " + text(off) + ", its largest is " + text(largest));
}

double largest(const Vector& v) {
  double size = 0;
  for (double x : v) size = std::max(size, std::fabs(x));
  return size;
}

// Tensor by tensor. One all of whose sums happen to cancel may be off by float32's error in the
// summands: a tenth of the tolerance, of the largest of all.
void compare_tensors(Report& report, const std::string& what, const Network& network,
                     const std::vector<float>& actual, const Vector& expected, double tolerance) {
  const double slack = 0.1 * tolerance * largest(expected);
  for (const Parameter& p : network.parameters())
    compare(report, what + " " + p.name, actual.data() + p.offset, expected.data() + p.offset,
            std::size_t(p.rows) * std::max(p.columns, 1), tolerance, slack);
}

// Anything's bytes in a row, to be compared.
class Bits {
 public:
  template <class T>
  Bits& operator<<(const std::vector<T>& v) {
    bytes_.append(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(T));
    return *this;
  }
  template <class T>
  Bits& operator<<(const T& x) {
    bytes_.append(reinterpret_cast<const char*>(&x), sizeof x);
    return *this;
  }
  bool operator==(const Bits&) const = default;

 private:
  std::string bytes_;
};

bool go_on(const EpochReport&) { return true; }

// How much is tried.
struct Sizes {
  // Against the oracle, which is slow: all batches and lengths up to so much work.
  std::vector<int> batches, lengths;
  double most_flops;
  // The same bits: a batch has work enough for as many threads as are asked for, since less is not
  // shared.
  std::vector<int> threads;
  int T, batch, windows_a_series, epochs;
};
// 1,200 windows are several tiles in each group that a gradient is summed by.
const Sizes kAll{.batches = {1, 7, 15, 16, 17, 31, 33, 64, 65, 200, 1200},
                 .lengths = {1, 2, 7, 50},
                 .most_flops = 6e7,
                 .threads = {1, 1, 2, 3, 8},
                 .T = 24,
                 .batch = 290,
                 .windows_a_series = 100,
                 .epochs = 3};
const Sizes kQuick{.batches = {1, 17, 65, 1200},
                   .lengths = {1, 3},
                   .most_flops = 1e7,
                   .threads = {1, 3},
                   .T = 12,
                   .batch = 240,
                   .windows_a_series = 30,
                   .epochs = 2};

// The oracle itself.

// A plain stack; one that begins late and whose head reads two steps; dilated blocks of layers
// that begin late, and a head that reads every step.
struct OracleForm {
  const char* name;
  bool ragged;
  int head_steps;
  std::vector<int> hidden;
  std::vector<std::vector<int>> dilations;
};
const std::vector<OracleForm> kOracleForms{
    {"plain, ", false, 1, {3, 2}, {}},
    {"late starts, two steps, ", true, 2, {3, 2}, {}},
    {"dilated blocks, every step, ", true, Network::kEveryStep, {2, 3, 2}, {{2}, {1, 3}}}};

void check_oracle(Report& report, bool quick) {
  constexpr double kStep = 1e-5;
  for (const Loss& loss : kLosses)
    for (const OracleForm& form : kOracleForms) {
      if (quick && !form.ragged) continue;
      const int T = 4, h = 2;
      const Network network(2, form.hidden, h * loss.outputs_per_target(), 0.0f,
                            Precision::kFloat32, form.head_steps, form.dilations);
      Vector p = doubles(oracle::make_parameters(network, Draws(1)));
      Batch batch = oracle::make_batch(4, T, network.inputs, h, form.ragged, form.ragged, Draws(2),
                                       form.head_steps);
      oracle::away_from_kinks(network, loss, p, batch);
      const oracle::Gradients expected = oracle::gradients(network, loss, batch, p);
      const auto loss_now = [&] { return oracle::gradients(network, loss, batch, p).loss; };
      const std::string what = name_of(loss) + ", " + form.name;
      for (const Parameter& tensor : network.parameters()) {
        const std::size_t n = std::size_t(tensor.rows) * std::max(tensor.columns, 1);
        Vector slopes(n);
        for (std::size_t j = 0; j < n; ++j) {
          double& moved = p[tensor.offset + j];
          const double middle = std::exchange(moved, moved + kStep), above = loss_now();
          moved = middle - kStep;
          slopes[j] = (above - loss_now()) / (2 * kStep);
          moved = middle;
        }
        compare(report, what + tensor.name, slopes.data(), expected.gradient.data() + tensor.offset,
                n, 1e-7);
      }
      // Inputs are floats, so that a difference reaches further and errs more.
      Vector slopes(batch.x.size());
      for (std::size_t j = 0; j < slopes.size(); ++j) {
        if (batch.x[j] > 1e20f) continue;  // before the sequence
        const float middle = batch.x[j], up = middle + 1e-3f, down = middle - 1e-3f;
        batch.x[j] = up;
        const double above = loss_now();
        batch.x[j] = down;
        slopes[j] = (above - loss_now()) / (double(up) - double(down));
        batch.x[j] = middle;
      }
      compare(report, what + "x", slopes.data(), expected.inputs.data(), slopes.size(), 1e-5);
    }
}

// Loss, outputs and gradients of one batch.

struct Shape {
  const char* name;
  int inputs;
  std::vector<int> hidden;
  std::vector<std::vector<int>> dilations = {};  // by block
};

const std::vector<Shape> kShapes{
    {"1 unit", 1, {1}},
    {"5, 20", 1, {5, 20}},
    {"3, 17, 33", 2, {3, 17, 33}},
    {"64, 64", 1, {64, 64}},
    {"100 of 4 inputs", 4, {100}},
    {"16 of 5 inputs", 5, {16}},
    {"40, 24 of 9 inputs", 9, {40, 24}},
    {"dilated", 1, {5, 20}, {{3, 60}}},
    {"dilated blocks", 17, {24, 24, 9, 24}, {{1, 4}, {7, 12}}},
};

double flops(const Shape& shape, int T, int N) {
  double total = 0, below = shape.inputs;
  for (int units : shape.hidden) {
    total += 24.0 * units * (below + units) * T * N;
    below = units;
  }
  return total;
}

struct Case {
  std::string name;
  Network network;
  Loss loss;
  std::vector<float> parameters;
  Batch batch;
  oracle::Gradients expected;
};

// Every batch and length with a horizon, a loss, late starts, weights and steps that the head reads
// of its own.
std::vector<Case> make_cases(const Shape& shape, const Sizes& sizes) {
  std::vector<Case> cases;
  Draws draws(std::uint64_t(shape.hidden[0]) * 1000 + shape.inputs);
  for (int N : sizes.batches)
    for (int T : sizes.lengths) {
      if (flops(shape, T, N) > sizes.most_flops) continue;
      const int h = draws.one_of<int>({1, 2, 12});
      const Loss& loss = draws.one_of(kLosses);
      const bool late = draws.below(2), weighted = draws.below(2);
      const int several = h <= T && cases.size() % 2 ? h : 1;
      // The head reads every step where layers are dilated, but in one case of three.
      const int head_steps =
          !shape.dilations.empty() && cases.size() % 3 ? Network::kEveryStep : several;
      Case c{std::to_string(N) + " windows of " + std::to_string(T) + ", h " + std::to_string(h) +
                 ", " + name_of(loss) + (late ? ", late starts" : "") +
                 (weighted ? ", weights" : "") + ", " + std::to_string(head_steps) + " steps:",
             Network(shape.inputs, shape.hidden, h * loss.outputs_per_target(), 0.0f,
                     Precision::kFloat32, head_steps, shape.dilations),
             loss,
             {},
             oracle::make_batch(N, T, shape.inputs, h, late, weighted, Draws(draws.next()),
                                head_steps),
             {}};
      c.parameters = oracle::make_parameters(c.network, Draws(draws.next()));
      const Vector p = doubles(c.parameters);
      oracle::away_from_kinks(c.network, loss, p, c.batch);
      c.expected = oracle::gradients(c.network, loss, c.batch, p);
      cases.push_back(std::move(c));
    }
  return cases;
}

void check_gradients(Report& report, const Tolerance& tolerance, const Case& c) {
  const Network network = in_precision(tolerance.precision, c.network);
  const Batch& batch = c.batch;
  const std::size_t O = network.outputs_at(batch.T);
  std::vector<float> outputs(batch.N * O), gradient(network.size), inputs(batch.x.size());
  ArrayWindows windows = batch.windows(inputs.data());
  const double loss = loss_and_gradient(network, c.loss, windows, 1, 0, c.parameters.data(),
                                        outputs.data(), gradient.data());
  std::vector<float> real;  // but of steps before a sequence's begin
  for (int n = 0; n < batch.N; ++n) {
    const bool every = network.head_steps == Network::kEveryStep;
    const std::size_t before = every ? std::size_t(batch.starts[n]) * network.head_outputs() : 0;
    real.insert(real.end(), outputs.begin() + std::ptrdiff_t(n * O + before),
                outputs.begin() + std::ptrdiff_t((n + 1) * O));
  }
  compare(report, c.name + " loss", &loss, &c.expected.loss, 1, tolerance.outputs);
  report.check(real.size() == c.expected.outputs.size(), c.name + " other outputs");
  compare(report, c.name + " outputs", real.data(), c.expected.outputs.data(), real.size(),
          tolerance.outputs);
  compare_tensors(report, c.name, network, gradient, c.expected.gradient, tolerance.gradients);
  double total = 0;  // what is written for the inputs is the gradient of the sum
  for (float w : batch.weights) total += w;
  for (float& x : inputs) x = float(x / total);
  compare(report, c.name + " inputs", inputs.data(), c.expected.inputs.data(), inputs.size(),
          tolerance.gradients, 0.1 * tolerance.gradients * largest(c.expected.gradient));
}

// Some steps of an optimiser, all windows in each.
void check_optimizers(Report& report, const Tolerance& tolerance) {
  for (auto optimizer : {Training::Optimizer::kAdam, Training::Optimizer::kRmsprop})
    for (float clip_norm : {0.0f, 0.2f}) {
      Training training;
      training.optimizer = optimizer;
      training.clip_norm = clip_norm;
      training.epochs = 5;
      training.learning_rate = 0.01f;
      training.weight_decay = 0.1f;
      training.shuffle = false;
      const Loss loss;
      const Network network(2, {6, 5}, 2, 0.0f, tolerance.precision);
      std::vector<float> p = oracle::make_parameters(network, Draws(3));
      const Batch batch = oracle::make_batch(23, 6, 2, 2, true, true, Draws(4));
      Vector expected = doubles(p);
      oracle::Optimizer steps(training, network.size);
      Vector losses;
      for (int epoch = 0; epoch < training.epochs; ++epoch) {
        const oracle::Gradients g = oracle::gradients(network, loss, batch, expected);
        losses.push_back(g.loss);
        steps.step(g.gradient, expected);
      }
      Interrupt never([] { return true; });
      ArrayWindows windows = batch.windows();
      const std::vector<double> actual =
          train(network, loss, windows, nullptr, training, p.data(), go_on, never).loss;
      const std::string what =
          std::string(optimizer == Training::Optimizer::kAdam ? "adam" : "rmsprop") +
          (clip_norm > 0 ? ", clipped," : "");
      compare(report, what + " losses", actual.data(), losses.data(), losses.size(),
              tolerance.outputs);
      compare_tensors(report, what, network, p, expected, tolerance.trained);
    }
}

// Series and forecasts.

struct Series {
  std::vector<double> values;
  std::vector<std::int64_t> indptr{0};

  std::int64_t size() const { return std::int64_t(indptr.size()) - 1; }
};

// Waves with noise, exact in float32; one series never changes.
Series make_series(const std::vector<int>& lengths, Draws draws) {
  Series series;
  for (int length : lengths) {
    const float rate = 0.3f + 0.2f * draws.uniform(), level = 3 * draws.uniform();
    for (int t = 0; t < length; ++t)
      series.values.push_back(
          series.size() == 3 ? level
                             : float(level + std::sin(rate * float(t)) + 0.2f * draws.uniform()));
    series.indptr.push_back(std::int64_t(series.values.size()));
  }
  return series;
}

// The last values of `n` series, some of them shorter than the context C.
Series make_histories(int n, int C, Draws draws) {
  std::vector<int> lengths;
  for (int j = 0; j < n; ++j) lengths.push_back(j % 3 == 1 ? 1 + draws.below(C) : C + j % 5);
  return make_series(lengths, draws);
}

Origins origins_of(const Series& series, const Covariates& covariates = {}) {
  return {series.values.data(), series.indptr.data(), series.indptr.data() + 1, series.size(),
          covariates};
}

// One value in four is missing, and all of every fifth series.
Series with_gaps(Series series, Draws draws) {
  for (std::int64_t s = 0; s < series.size(); ++s)
    for (std::int64_t row = series.indptr[s]; row < series.indptr[s + 1]; ++row)
      if (draws.below(4) == 0 || s % 5 == 4) series.values[row] = NAN;
  return series;
}

// What is known beside series, and not a row more of it than may be read.
struct Known {
  static constexpr int kFuture = 3, kStatic = 1;
  int n_past;
  std::vector<float> past, future, constant;
  std::vector<std::int64_t> future_begin;
  std::vector<double> spread;

  Known(const Series& series, int n_past_, int ahead, Draws draws) : n_past(n_past_) {
    const auto fill = [&](std::vector<float>& rows, std::size_t n) {
      for (std::size_t j = 0; j < n; ++j) rows.push_back(draws.uniform());
    };
    fill(past, series.values.size() * n_past);
    fill(constant, series.size() * kStatic);
    for (std::int64_t s = 0; s < series.size(); ++s) {
      future_begin.push_back(std::int64_t(future.size()) / kFuture);
      fill(future, (series.indptr[s + 1] - series.indptr[s] + ahead) * kFuture);
      spread.push_back(s % 3 == 2 ? 0.0 : 1.0 + draws.uniform());
    }
  }
  Covariates view() const {
    return {past.data(), future.data(), future_begin.data(), constant.data(), spread.data(), n_past,
            kFuture,     kStatic};
  }
  // Beside the value, whether it was observed, and the window's width.
  int inputs() const { return 3 + n_past + kFuture + kStatic; }
};

// Unscaled, so that what the network says is all that there is. Directly h steps ahead, and one
// step fed back.
struct ForecastCase {
  static constexpr int C = 6, h = 3;
  Series series;
  Network direct, one_step;
  std::vector<float> direct_parameters, one_step_parameters;
  Vector expected, fed_back;  // [n][h]
};

std::vector<ForecastCase> make_forecast_cases(const Shape& shape, const Sizes& sizes) {
  constexpr int C = ForecastCase::C, h = ForecastCase::h;
  const auto network_says = [](const Network& network, const std::vector<float>& p,
                               const Vector& y) {
    const std::size_t length = std::min(y.size(), std::size_t(C));
    const std::vector<float> x(y.end() - std::ptrdiff_t(length), y.end());
    return oracle::forward(network, doubles(p), x.data(), int(length)).outputs;
  };
  std::vector<ForecastCase> cases;
  for (int n : {1, 2, 7, 33, 70}) {
    // No gradients, but h + 1 times forward.
    if (flops(shape, C, n) / 3 * (h + 1) > sizes.most_flops) continue;
    ForecastCase c{make_histories(n, C, Draws(n)),
                   Network(1, shape.hidden, h, 0.0f, Precision::kFloat32, 1, shape.dilations),
                   Network(1, shape.hidden, 1, 0.0f, Precision::kFloat32, 1, shape.dilations),
                   {},
                   {},
                   {},
                   {}};
    c.direct_parameters = oracle::make_parameters(c.direct, Draws(5));
    c.one_step_parameters = oracle::make_parameters(c.one_step, Draws(6));
    for (int s = 0; s < n; ++s) {
      Vector y(c.series.values.begin() + c.series.indptr[s],
               c.series.values.begin() + c.series.indptr[s + 1]);
      const Vector outputs = network_says(c.direct, c.direct_parameters, y);
      c.expected.insert(c.expected.end(), outputs.begin(), outputs.end());
      for (int k = 0; k < h; ++k) {
        y.push_back(network_says(c.one_step, c.one_step_parameters, y)[0]);
        c.fed_back.push_back(y.back());
      }
    }
    cases.push_back(std::move(c));
  }
  return cases;
}

void check_forecasts(Report& report, const Tolerance& tolerance, const ForecastCase& c) {
  const Windowing direct{c.C, c.h, Scaling::kNone, Anchor::kNone, 1};
  const Windowing one_step{c.C, 1, Scaling::kNone, Anchor::kNone, 1};
  const std::string what = std::to_string(c.series.size()) + " forecasts";
  Interrupt never([] { return true; });
  Vector out(c.expected.size());
  forecast(in_precision(tolerance.precision, c.direct), c.direct_parameters.data(), direct,
           origins_of(c.series), 1, never, out.data());
  compare(report, what, out.data(), c.expected.data(), out.size(), tolerance.outputs);
  forecast_recursive(in_precision(tolerance.precision, c.one_step), c.one_step_parameters.data(),
                     one_step, origins_of(c.series), c.h, 1, never, out.data());
  compare(report, what + " fed back", out.data(), c.fed_back.data(), out.size(), tolerance.outputs);
}

// A trace's outputs are the forecast's, its slopes finite differences of it; its cells follow from
// its gates.
void check_trace(Report& report) {
  constexpr int C = 11, h = 4, P = 3;
  constexpr double kStep = 0.02;
  for (Scaling scaling : {Scaling::kNone, Scaling::kStandard, Scaling::kLevel, Scaling::kFirst}) {
    const bool reads_on = scaling == Scaling::kStandard;
    const Anchor anchor = scaling == Scaling::kFirst   ? Anchor::kNone
                          : scaling == Scaling::kLevel ? Anchor::kSeason
                                                       : Anchor::kLast;
    const Windowing windowing{C, h, scaling, anchor, 4, true, reads_on, P};
    Series series{Vector(14), {0, 14}};
    Draws draws(7);
    for (double& y : series.values) y = 3 + draws.uniform();
    series.values[6] = series.values[13] = NAN;
    const int steps = windowing.head_steps();
    const Network network(2 * P, {9, 5}, windowing.output_steps(), 0.0f, Precision::kFloat32,
                          steps);
    const std::vector<float> p = oracle::make_parameters(network, Draws(8));
    Interrupt never([] { return true; });
    const auto forecast_now = [&] {
      Vector out(h);
      forecast(network, p.data(), windowing, origins_of(series), 1, never, out.data());
      return out;
    };
    const Trace traced =
        trace(network, p.data(), windowing, origins_of(series), {3, 0, 1, 2}, never);
    const std::string what = "scaling " + std::to_string(int(scaling));
    const Vector out = forecast_now();
    compare(report, what + ": outputs", traced.outputs.data(), out.data(), out.size(), 1e-5);
    report.check(traced.length == C, what + ": length");
    Vector expected(traced.slopes.size());
    for (int j = 0; j < C; ++j) {
      double& y = series.values[std::size_t(j + 14 - C)];
      const double middle = std::exchange(y, y + kStep);
      const Vector above = forecast_now();
      y = middle - kStep;
      const Vector below = forecast_now();
      y = middle;
      for (int row = 0; row < h; ++row) {
        const int k = row == 0 ? 3 : row - 1;  // as they were wanted
        expected[std::size_t(row * C + j)] =
            std::isnan(middle) ? 0 : (above[k] - below[k]) / (2 * kStep);
      }
    }
    compare(report, what + ": slopes", traced.slopes.data(), expected.data(), expected.size(),
            2e-3);
    for (const LayerTrace& layer : traced.layers) {
      const std::size_t H = layer.cell.size() / std::size_t(windowing.time_steps());
      Vector cell(layer.cell.size()), hidden(layer.cell.size());
      for (std::size_t j = 0; j < cell.size(); ++j) {
        const double before = j < H ? 0 : cell[j - H];
        cell[j] = layer.forget[j] * before + layer.input[j] * layer.candidate[j];
        hidden[j] = layer.output[j] * std::tanh(cell[j]);
      }
      compare(report, what + ": cells", layer.cell.data(), cell.data(), cell.size(), 1e-5);
      compare(report, what + ": states", layer.hidden.data(), hidden.data(), cell.size(), 1e-5);
    }
  }
}

// The same bits on any number of threads.

using Result = std::function<Bits(int threads)>;

void same_bits(Report& report, const Sizes& sizes, const std::string& what, const Result& result) {
  const Bits first = result(sizes.threads[0]);
  for (std::size_t j = 1; j < sizes.threads.size(); ++j)
    report.check(result(sizes.threads[j]) == first,
                 what + ": other bits on " + std::to_string(sizes.threads[j]) + " threads");
}

Bits gradient_bits(const Sizes& sizes, Precision precision, bool dilated, int threads) {
  const Loss& loss = kLosses.back();
  const int h = 3, head_steps = dilated ? Network::kEveryStep : 1, T = sizes.T / 4;
  const Network network =
      dilated ? Network(2, {12, 17, 12}, h * loss.outputs_per_target(), 0.3f, precision, head_steps,
                        {{2}, {1, 4}})
              : Network(2, {17, 12}, h * loss.outputs_per_target(), 0.3f, precision);
  const std::vector<float> p = oracle::make_parameters(network, Draws(7));
  const int N = 2 * sizes.batch + 70;
  const Batch batch = oracle::make_batch(N, T, 2, h, true, true, Draws(8), head_steps);
  std::vector<float> outputs(std::size_t(N) * network.outputs_at(T)), gradient(network.size);
  std::vector<float> inputs(batch.x.size());
  ArrayWindows windows = batch.windows(inputs.data());
  const double value = loss_and_gradient(network, loss, windows, threads, 3, p.data(),
                                         outputs.data(), gradient.data());
  return Bits() << value << outputs << gradient << inputs;
}

// A network so large that packing, reducing and the optimiser are shared by the threads too.
Bits large_training_bits(Precision precision, int threads) {
  const Network network(1, {140, 80}, 3, 0.0f, precision);
  if (network.size <= 2 * (64 << 10)) throw std::logic_error("one thread does it all");
  std::vector<float> p = oracle::make_parameters(network, Draws(17));
  const Batch batch = oracle::make_batch(130, 4, 1, 3, false, false, Draws(18));
  Training training;
  training.epochs = 2;
  training.batch_size = 70;
  training.clip_norm = 0.1f;
  training.threads = threads;
  Interrupt never([] { return true; });
  ArrayWindows windows = batch.windows();
  const TrainingResult result =
      train(network, Loss{}, windows, nullptr, training, p.data(), go_on, never);
  return Bits() << result.loss[1] << p;
}

// Training on series of several lengths, one too short for a whole window and one that is flat;
// with gaps and covariates too, if that is asked for.
class TrainingJob {
 public:
  TrainingJob(const Sizes& sizes, Precision precision, const Loss& loss, float dropout,
              double validation_fraction, bool covariates = false)
      : loss_(loss),
        windowing_{.context_length = sizes.T,
                   .horizon = 3,
                   .scaling = covariates ? Scaling::kLevel : Scaling::kStandard,
                   .mask = covariates,
                   .reads_on = covariates},
        series_(make_series(lengths(sizes, windowing_.horizon), Draws(9))),
        known_(series_, 2, 0, Draws(16)),
        covariates_(covariates ? known_.view() : Covariates{}),
        network_(covariates ? known_.inputs() : 1, {10, 7},
                 windowing_.horizon * loss.outputs_per_target(), dropout, precision,
                 covariates ? windowing_.horizon : 1) {
    if (covariates) series_ = with_gaps(std::move(series_), Draws(19));
    split_ = split_by_time(series_.indptr.data(), series_.size(), sizes.T, windowing_.horizon,
                           validation_fraction);
    training.epochs = sizes.epochs;
    training.batch_size = sizes.batch;
    training.learning_rate = 0.01f;
    training.seed = 11;
  }

  Bits run(int threads) {
    SeriesWindows windows(series_.values.data(), series_.indptr.data(), windowing_, split_.training,
                          covariates_);
    SeriesWindows held(series_.values.data(), series_.indptr.data(), windowing_, split_.validation,
                       covariates_);
    training.threads = threads;
    parameters.resize(network_.size);
    initialise(network_, 5, 1.0f, parameters.data());
    Interrupt never([] { return true; });
    result = train(network_, loss_, windows, held.size() > 0 ? &held : nullptr, training,
                   parameters.data(), go_on, never);
    return Bits() << result.loss << result.validation_loss << result.best_epoch << parameters;
  }

  Training training;
  TrainingResult result;
  std::vector<float> parameters;

 private:
  static std::vector<int> lengths(const Sizes& sizes, int horizon) {
    const int length = sizes.T + horizon + sizes.windows_a_series;
    return {length, sizes.T, length + 20, length, length + 3, 2 * sizes.T};
  }

  Loss loss_;
  Windowing windowing_;
  Series series_;
  Known known_;
  Covariates covariates_;
  Network network_;
  WindowSplit split_;
};

void check_training_bits(Report& report, const Sizes& sizes, Precision precision) {
  const auto run = [&](const std::string& what, TrainingJob& job) {
    same_bits(report, sizes, what, [&](int threads) { return job.run(threads); });
    report.check(std::all_of(job.parameters.begin(), job.parameters.end(),
                             [](float w) { return std::isfinite(w); }),
                 what + ": a weight is not finite");
  };
  TrainingJob plain(sizes, precision, kLosses[0], 0.0f, 0.0);
  plain.training.shuffle = false;
  run("in order", plain);
  // Else what is checked here would hold for an engine that never shuffles.
  const Bits in_order = plain.run(1);
  plain.training.shuffle = true;
  const Bits shuffled = plain.run(1);
  report.check(!(shuffled == in_order), "shuffling changes nothing");
  plain.training.seed = 12;
  report.check(!(plain.run(1) == shuffled), "the seed changes nothing");

  TrainingJob regularised(sizes, precision, kLosses.back(), 0.3f, 0.2);
  regularised.training.clip_norm = 0.5f;
  regularised.training.weight_decay = 0.1f;
  run("shuffled, dropout, clipped, validation", regularised);

  TrainingJob covariates(sizes, precision, kLosses.back(), 0.3f, 0.2, true);
  run("gaps and covariates", covariates);

  TrainingJob stopping(sizes, precision, kLosses[2], 0.0f, 0.2);
  stopping.training.optimizer = Training::Optimizer::kRmsprop;
  stopping.training.learning_rate = 0.3f;  // too much, so that it soon gets worse
  stopping.training.epochs = 20;
  stopping.training.patience = 1;
  run("early stopping", stopping);
  const int epochs = int(stopping.result.loss.size());
  report.check(epochs < 20 && stopping.result.best_epoch == epochs - 1,
               "stopped after epoch " + std::to_string(epochs) + ", the best was " +
                   std::to_string(stopping.result.best_epoch));
}

Bits forecast_bits(const Sizes& sizes, Precision precision, bool recursive, int threads) {
  const int h = recursive ? 1 : 3, steps = recursive ? 5 : 3;
  const Windowing windowing{sizes.T, h, Scaling::kStandard, Anchor::kLast, 1};
  const Network network(1, {17, 12}, h, 0.3f, precision);
  const std::vector<float> p = oracle::make_parameters(network, Draws(10));
  const Series series = make_histories(sizes.batch, sizes.T, Draws(11));
  std::vector<double> out(std::size_t(series.size()) * steps);
  Interrupt never([] { return true; });
  if (recursive)
    forecast_recursive(network, p.data(), windowing, origins_of(series), steps, threads, never,
                       out.data());
  else
    forecast(network, p.data(), windowing, origins_of(series), threads, never, out.data());
  return Bits() << out;
}

Bits covariate_forecast_bits(const Sizes& sizes, Precision precision, bool recursive, int n,
                             int threads) {
  const int h = recursive ? 1 : 3, steps = recursive ? 5 : 3;
  const Windowing windowing{.context_length = sizes.T,
                            .horizon = h,
                            .scaling = Scaling::kLevel,
                            .mask = true,
                            .reads_on = true};
  const Series series = with_gaps(make_histories(n, sizes.T, Draws(20)), Draws(21));
  const Known known(series, recursive ? 0 : 2, steps, Draws(22));
  const Network network(known.inputs(), {17, 12}, h, 0.3f, precision, h);
  const std::vector<float> p = oracle::make_parameters(network, Draws(23));
  std::vector<double> out(std::size_t(series.size()) * steps);
  Interrupt never([] { return true; });
  (recursive ? forecast_recursive(network, p.data(), windowing, origins_of(series, known.view()),
                                  steps, threads, never, out.data())
             : forecast(network, p.data(), windowing, origins_of(series, known.view()), threads,
                        never, out.data()));
  return Bits() << out;
}

// Series with exponential smoothing of their own, learnt with the network, then forecast.
Bits hybrid_bits(const Sizes& sizes, Precision precision, int threads) {
  Hybrid hybrid;
  hybrid.seasons = {3, 7};
  hybrid.context_length = 5;
  hybrid.horizon = 3;
  hybrid.level_penalty = 1.0;
  hybrid.learning_rate = 0.05;
  hybrid.random_start = true;
  std::vector<int> lengths;
  for (int j = 0; j < sizes.batch; ++j) lengths.push_back(2 + 7 * j % (2 * sizes.T));
  const Series series = with_gaps(make_series(lengths, Draws(24)), Draws(25));
  const Vector weights(lengths.size(), 1.5);
  Vector own(lengths.size() * hybrid.parameters(), -0.5);
  const HybridSeries panel{
      series.values.data(), series.indptr.data(), series.size(), weights.data(), {}};
  const Loss& loss = kLosses.back();
  const Network network(5, {12, 17, 12}, hybrid.horizon * loss.outputs_per_target(), 0.2f,
                        precision, Network::kEveryStep, {{1}, {2, 5}});
  std::vector<float> p = oracle::make_parameters(network, Draws(26));
  Training training;
  training.epochs = 2;
  training.batch_size = sizes.batch / 2;
  training.learning_rate = 0.01f;
  training.threads = threads;
  Interrupt never([] { return true; });
  HybridWindows windows(hybrid, panel, own.data(), false);
  const TrainingResult result =
      train(network, loss, windows, nullptr, training, p.data(), go_on, never);
  Vector forecasts(lengths.size() * network.outputs);
  forecast_hybrid(network, p.data(), hybrid, panel, own.data(), threads, never, forecasts.data());
  return Bits() << result.loss << p << own << forecasts;
}

void check_same_bits(Report& report, const Sizes& sizes, Precision precision) {
  if (precision != Precision::kFloat32)
    report.check(!(gradient_bits(sizes, precision, false, 1) ==
                   gradient_bits(sizes, Precision::kFloat32, false, 1)),
                 "it is float32 under another name");
  for (bool dilated : {false, true})
    same_bits(report, sizes, dilated ? "gradients of dilated blocks" : "gradients with dropout",
              [&](int threads) { return gradient_bits(sizes, precision, dilated, threads); });
  same_bits(report, sizes, "training of a large network",
            [&](int threads) { return large_training_bits(precision, threads); });
  same_bits(report, sizes, "smoothing inside a network",
            [&](int threads) { return hybrid_bits(sizes, precision, threads); });
  check_training_bits(report, sizes, precision);
  for (bool recursive : {false, true}) {
    const std::string what = recursive ? "forecasts fed back" : "forecasts";
    same_bits(report, sizes, what,
              [&](int threads) { return forecast_bits(sizes, precision, recursive, threads); });
    // One by one, and as tiles.
    for (int n : {3, sizes.batch})
      same_bits(report, sizes, what + " with covariates", [&](int threads) {
        return covariate_forecast_bits(sizes, precision, recursive, n, threads);
      });
  }
}

// Work that ends early, and errors.

// What `f` throws as an E; empty where it throws nothing.
template <class E>
std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const E& error) {
    return error.what();
  }
  return "";
}

// Throws on every thread but the one that made it, which waits until that has happened (but not for
// ever: there might be no other thread).
class ThrowsElsewhere {
 public:
  void operator()() const {
    std::unique_lock lock(mutex_);
    if (std::this_thread::get_id() == home_) {
      thrown_.wait_for(lock, std::chrono::seconds(20), [&] { return has_thrown_; });
      return;
    }
    has_thrown_ = true;
    thrown_.notify_all();
    throw std::runtime_error("thrown in a worker");
  }

 private:
  std::thread::id home_ = std::this_thread::get_id();
  mutable std::mutex mutex_;
  mutable std::condition_variable thrown_;
  mutable bool has_thrown_ = false;
};

class ThrowingWindows final : public WindowSource {
 public:
  explicit ThrowingWindows(const WindowSource& windows) : windows_(windows) {}
  std::int64_t size() const override { return windows_.size(); }
  int time_steps() const override { return windows_.time_steps(); }
  int inputs() const override { return windows_.inputs(); }
  int horizon() const override { return windows_.horizon(); }
  void gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const override {
    throw_elsewhere_();
    windows_.gather(windows, n, lanes, out);
  }
  std::string describe(std::uint32_t window) const override { return windows_.describe(window); }

 private:
  const WindowSource& windows_;
  ThrowsElsewhere throw_elsewhere_;
};

void check_workers(Report& report) {
  for (int threads : {1, 2, 8})
    for (int n : {0, 1, 3, 100}) {
      Workers workers(threads);
      const std::string what = std::to_string(n) + " tasks on " + std::to_string(threads);
      for (int round = 0; round < 3; ++round) {
        std::vector<int> calls(n);
        std::vector<std::atomic<int>> in_use(threads);
        std::atomic<bool> shared = false;
        const std::function<void(int, int)> task = [&](int number, int worker) {
          if (in_use[worker]++) shared = true;
          ++calls[number];
          in_use[worker]--;
        };
        workers.run(n, task);
        report.check(std::all_of(calls.begin(), calls.end(), [](int c) { return c == 1; }),
                     what + ": not each run once");
        report.check(!shared, what + ": two at a time by one worker");
        const auto all_throw = [&] {
          workers.run(n, [](int, int) { throw std::runtime_error("thrown in a task"); });
        };
        report.check(message_of<std::runtime_error>(all_throw).empty() == (n == 0),
                     what + ": the exception does not come out");
      }
    }
  Workers workers(8);
  const ThrowsElsewhere throw_elsewhere;
  report.check(message_of<std::runtime_error>([&] {
                 workers.run(100, [&](int, int) { throw_elsewhere(); });
               }) == "thrown in a worker",
               "a worker's exception does not come out");
}

void check_early_ends(Report& report, const Sizes& sizes, Precision precision) {
  const int threads = sizes.threads.back();
  const Loss loss;
  const Network network(2, {17, 12}, 3, 0.0f, precision);
  const std::vector<float> initial = oracle::make_parameters(network, Draws(12));
  const Batch batch = oracle::make_batch(sizes.batch, sizes.T, 2, 3, false, false, Draws(13));
  Training training;
  training.batch_size = sizes.batch;
  training.threads = threads;
  std::vector<float> p;
  TrainingResult result;
  const auto run = [&](WindowSource&& windows, const EpochEnded& epoch_ended, Interrupt interrupt) {
    p = initial;
    result = train(network, loss, windows, nullptr, training, p.data(), epoch_ended, interrupt);
  };
  const auto always = [] { return true; };

  training.epochs = 2;
  run(batch.windows(), go_on, Interrupt(always));
  const std::vector<float> after_two = p;
  report.check(!result.cancelled && p != initial, "two epochs are not trained");

  training.epochs = 10'000'000;
  run(batch.windows(), [](const EpochReport& r) { return r.epoch < 2; }, Interrupt(always));
  report.check(result.cancelled && result.loss.size() == 2 && p == after_two,
               "the callback does not end the training after two epochs");
  run(batch.windows(), go_on, Interrupt([] { return false; }));
  report.check(result.cancelled, "the interrupt does not end the training");
  report.check(message_of<std::runtime_error>([&] {
                 run(
                     batch.windows(),
                     [](const EpochReport&) -> bool { throw std::runtime_error("by callback"); },
                     Interrupt(always));
               }) == "by callback" &&
                   p == initial,
               "the callback's exception does not come out, or weights have changed");
  report.check(message_of<std::runtime_error>([&] {
                 run(batch.windows(), go_on,
                     Interrupt([]() -> bool { throw std::runtime_error("by interrupt"); }));
               }) == "by interrupt" &&
                   p == initial,
               "the interrupt's exception does not come out, or weights have changed");

  training.learning_rate = 3e38f;
  std::string message =
      message_of<Diverged>([&] { run(batch.windows(), go_on, Interrupt(always)); });
  report.check(message.find("epoch") != std::string::npos && p == initial,
               "a training that diverges says: " + message);
  training.learning_rate = 1e-3f;
  Batch broken = batch;
  broken.targets[77 * 3 + 1] = std::numeric_limits<float>::infinity();
  message = message_of<Diverged>([&] { run(broken.windows(), go_on, Interrupt(always)); });
  report.check(message.find("epoch 1,") != std::string::npos &&
                   message.find("window 77 (step 2 ") != std::string::npos,
               "an infinite target gives: " + message);

  ArrayWindows windows = batch.windows();
  std::vector<float> outputs(std::size_t(batch.N) * network.outputs), gradient(network.size);
  const auto gradients_of = [&](WindowSource& source) {
    const double value = loss_and_gradient(network, loss, source, threads, 0, initial.data(),
                                           outputs.data(), gradient.data());
    return Bits() << value << outputs << gradient;
  };
  const Bits before = gradients_of(windows);
  for (int round = 0; round < 5; ++round) {
    ThrowingWindows throwing(windows);
    report.check(
        message_of<std::runtime_error>([&] { gradients_of(throwing); }) == "thrown in a worker",
        "a worker's exception does not come out of loss_and_gradient");
  }
  report.check(message_of<std::runtime_error>([&] {
                 run(ThrowingWindows(windows), go_on, Interrupt(always));
               }) == "thrown in a worker" &&
                   p == initial,
               "a worker's exception does not come out of train, or weights have changed");
  report.check(gradients_of(windows) == before, "after an exception, other results");

  const int steps = 20'000;
  const Network one_step(1, {5, 20}, 1, 0.0f, precision);
  const std::vector<float> q = oracle::make_parameters(one_step, Draws(14));
  const Series series = make_histories(33, 12, Draws(15));
  std::vector<double> out(std::size_t(series.size()) * steps, NAN);
  Interrupt at_once([] { return false; });
  forecast_recursive(one_step, q.data(), {12, 1, Scaling::kStandard, Anchor::kLast, 1},
                     origins_of(series), steps, threads, at_once, out.data());
  report.check(at_once.requested() && std::isnan(out.back()),
               "the interrupt does not end the forecast");
}

void when_it_hangs(int) {
  constexpr char kMessage[] = "\nfive minutes have passed: a deadlock?\n";
  [[maybe_unused]] const auto written = write(STDOUT_FILENO, kMessage, sizeof kMessage - 1);
  _exit(1);
}

// Every form of smoothing: its gradient against differences, and the same bits on any threads.
void check_smoothing(Report& report, const Sizes& sizes) {
  using enum Component;
  constexpr int kSeries = 24, kLength = 40;
  std::vector<double> values;
  std::vector<std::int64_t> indptr{0};
  for (int s = 0; s < kSeries; ++s) {
    for (int t = 0; t < kLength - s / 2; ++t) {
      const double wave =
          std::sin(1.5707963267948966 * (t + s)) + 0.3 * std::cos(1.7 * t * (s + 1));
      values.push_back((t + s) % 13 == 5 ? std::nan("") : 20 + 0.2 * t + 2 * wave);
    }
    indptr.push_back(std::int64_t(values.size()));
  }
  const SeriesView series{values.data(), indptr.data(), kSeries};
  for (const Component trend : {kNone, kAdditive, kMultiplicative})
    for (const Component season : {kNone, kAdditive, kMultiplicative})
      for (const bool damped : {false, true}) {
        const SmoothingForm form{trend, season, damped, 4};
        const std::string name = "form " + std::to_string(int(trend)) +
                                 std::to_string(int(season)) + std::to_string(damped);
        SmoothingCoefficients c{0.3, 0.1, 0.2, damped ? 0.9 : 1.0};
        Vector state{20, trend == kMultiplicative ? 1.01 : trend == kAdditive ? 0.2 : 0.0};
        for (int j = 0; j < form.seasons(); ++j)
          state.push_back(season == kAdditive ? 0.5 * j : 0.9 + 0.1 * j);
        Vector gradient(state.size() + 4), other(state.size() + 4);
        const auto loss = [&](Vector& into) {
          return smoothing_loss(form, values.data(), kLength, c, state.data(), into.data());
        };
        loss(gradient);
        double* const coefficients[] = {&c.alpha, &c.beta, &c.gamma, &c.phi};
        for (std::size_t k = 0; k < gradient.size(); ++k) {
          if (gradient[k] == 0) continue;  // what the form does not have
          double& x = k < 4 ? *coefficients[k] : state[k - 4];
          const double was = x;
          x = was + 1e-5;
          const double more = loss(other);
          x = was - 1e-5;
          const double slope = (more - loss(other)) / 2e-5;
          x = was;
          report.check(std::abs(slope - gradient[k]) < 1e-5 * (1 + std::abs(slope)),
                       name + ": the gradient's number " + std::to_string(k) + " is " +
                           text(gradient[k]) + ", by differences " + text(slope));
        }
        const auto bits = [&](int threads) {
          std::vector<SmoothingCoefficients> fitted(kSeries);
          Vector states(std::size_t(kSeries * form.states())), rmse(kSeries), last(states.size());
          Vector errors(values.size());
          std::vector<std::int64_t> observed(kSeries);
          std::vector<SmoothingStatus> status(kSeries), again(kSeries);
          Interrupt interrupt([] { return true; });
          fit_smoothing(
              form, series, 20, threads, interrupt,
              {fitted.data(), states.data(), rmse.data(), observed.data(), status.data()});
          run_smoothing(form, series, fitted.data(), states.data(), threads, interrupt, last.data(),
                        errors.data(), again.data());
          report.check(std::all_of(status.begin(), status.end(),
                                   [](SmoothingStatus s) { return s == SmoothingStatus::kFitted; }),
                       name + ": a series is not fitted");
          Vector all = rmse;
          for (const auto& one : fitted)
            all.insert(all.end(), {one.alpha, one.beta, one.gamma, one.phi});
          for (const Vector* v : {&states, &last}) all.insert(all.end(), v->begin(), v->end());
          return Bits() << all;
        };
        const Bits one = bits(1);
        for (const int threads : sizes.threads)
          report.check(bits(threads) == one, name + ": other bits on " + std::to_string(threads));
      }
}

// Smoothing inside a network, without the network: any sum of levels, values without their seasons
// and targets, its gradient by a series' parameters against differences.
void check_hybrid(Report& report) {
  constexpr int kLength = 25;
  constexpr double kStep = 1e-5;
  for (const std::vector<int>& seasons : {std::vector<int>{}, {4}, {3, 7}, {30}}) {
    Hybrid hybrid;
    hybrid.seasons = seasons;
    hybrid.horizon = 9;
    hybrid.level_penalty = 2.0;
    Draws draws(seasons.size() + 27);
    const auto draw = [&](int n) {
      Vector v(n);
      for (double& x : v) x = draws.uniform();
      return v;
    };
    Vector values = draw(kLength), p = draw(hybrid.parameters());
    for (int t : {4, 5, 12, 24}) values[t] = NAN;
    const Vector by_level = draw(kLength), by_z = draw(kLength);
    const Vector by_target = draw(kLength * hybrid.horizon);
    Smoothed smoothed;
    const auto sum = [&] {
      smoothed.run(hybrid, p.data(), values.data(), kLength);
      double total = 0;
      for (int t = 0; t < kLength; ++t) {
        total += by_level[t] * smoothed.level[t] + by_z[t] * smoothed.z[t];
        for (int k = 1; k <= hybrid.horizon; ++k)
          total -= by_target[t * hybrid.horizon + k - 1] *
                   (smoothed.level[t] + smoothed.ahead(hybrid, t, k));
        if (t < 2) continue;
        const double bend = smoothed.level[t] - 2 * smoothed.level[t - 1] + smoothed.level[t - 2];
        total += hybrid.level_penalty * bend * bend / (kLength - 2);
      }
      return total;
    };
    Vector slopes(p.size()), gradient(p.size());
    for (std::size_t j = 0; j < p.size(); ++j) {
      const double middle = std::exchange(p[j], p[j] + kStep), above = sum();
      p[j] = middle - kStep;
      slopes[j] = (above - sum()) / (2 * kStep);
      p[j] = middle;
    }
    Vector value_slopes(kLength), by_value(kLength);
    for (int t = 0; t < kLength; ++t) {
      if (std::isnan(values[t])) continue;
      const double middle = std::exchange(values[t], values[t] + kStep), above = sum();
      values[t] = middle - kStep;
      value_slopes[t] = (above - sum()) / (2 * kStep);
      values[t] = middle;
    }
    SmoothedGradient back;
    smoothed.run(hybrid, p.data(), values.data(), kLength);
    back.clear(hybrid, kLength);
    for (int t = 0; t < kLength; ++t) {
      back.level[t] += by_level[t];
      back.z[t] += by_z[t];
      for (int k = 1; k <= hybrid.horizon; ++k)
        back.add_target(hybrid, t, k, by_target[t * hybrid.horizon + k - 1]);
    }
    back.add_level_penalty(hybrid, smoothed);
    back.back(hybrid, p.data(), values.data(), smoothed, gradient.data(), by_value.data());
    const std::string what = std::to_string(seasons.size()) + " seasons";
    compare(report, what, gradient.data(), slopes.data(), slopes.size(), 1e-7);
    compare(report, what + ", by value", by_value.data(), value_slopes.data(), kLength, 1e-7);
  }
}

int run(bool quick, std::vector<std::string> isas) {
  signal(SIGALRM, when_it_hangs);
  const Sizes& sizes = quick ? kQuick : kAll;
  Report report;
  const auto group = [&](const std::string& name, const std::function<void()>& checks) {
    alarm(300);
    report.group(name, checks);
  };
  group("oracle: finite differences", [&] { check_oracle(report, quick); });
  group("workers", [&] { check_workers(report); });
  group("an unknown instruction set", [&] {
    const std::string message = message_of<ConfigError>([] { set_isa("8080"); });
    report.check(message.find("8080") != std::string::npos, "set_isa says: " + message);
  });
  group("exponential smoothing", [&] { check_smoothing(report, sizes); });
  group("smoothing inside a network", [&] { check_hybrid(report); });
  for (const std::string& isa : isas)
    group(isa + ": what precision \"auto\" is", [&] {
      set_isa(isa);
      const Precision large = isa == "amx" ? Precision::kBfloat16 : Precision::kFloat32;
      report.check(best_precision({5, 31}) == Precision::kFloat32, "of a small network");
      report.check(best_precision({32}) == large, "of a large network");
    });
  for (const Shape& shape : kShapes) {
    const std::vector<Case> cases = make_cases(shape, sizes);
    const std::vector<ForecastCase> forecasts = make_forecast_cases(shape, sizes);
    for (const std::string& isa : isas) {
      set_isa(isa);
      for (const Tolerance& tolerance : kTolerances)
        group(isa + ", " + tolerance.name + ": network " + shape.name, [&] {
          for (const Case& c : cases) check_gradients(report, tolerance, c);
          for (const ForecastCase& c : forecasts) check_forecasts(report, tolerance, c);
        });
    }
  }
  for (const std::string& isa : isas) {
    set_isa(isa);
    group(isa + ": traces", [&] { check_trace(report); });
    for (const Tolerance& tolerance : kTolerances) {
      const std::string name = isa + ", " + tolerance.name + ": ";
      const Precision precision = tolerance.precision;
      group(name + "optimisers", [&] { check_optimizers(report, tolerance); });
      group(name + "the same bits on any threads",
            [&] { check_same_bits(report, sizes, precision); });
      group(name + "early ends", [&] { check_early_ends(report, sizes, precision); });
    }
  }
  return report.finish();
}

}  // namespace
}  // namespace gatecast

int main(int argc, char** argv) {
  bool quick = false;
  std::vector<std::string> isas = gatecast::available_isas();
  for (int j = 1; j < argc; ++j) {
    const std::string argument = argv[j];
    if (argument == "--quick") {
      quick = true;
    } else if (argument == "--isa" && j + 1 < argc) {
      isas = {argv[++j]};
    } else {
      std::fprintf(stderr, "usage: check [--quick] [--isa NAME]\n");
      return 2;
    }
  }
  try {
    return gatecast::run(quick, isas);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "\n%s\n", error.what());
    return 1;
  }
}
