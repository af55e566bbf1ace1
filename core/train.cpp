#include "train.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <numbers>
#include <numeric>
#include <string>

#include "dispatch.hpp"
#include "errors.hpp"
#include "random.hpp"
#include "tile.hpp"
#include "workers.hpp"

namespace gatecast {
namespace {

// Gradients are summed in at most this many groups of neighbouring tiles, each group on one thread,
// and the groups in their order: the grouping depends on the batch alone.
constexpr int kMaxGroups = 16;
// Below this much work for each, more threads cost more than they save.
constexpr double kFlopsPerThread = 4e6;

struct Sum {
  double loss = 0, weight = 0;
  // Windows without any target that counts have none.
  double mean() const { return weight > 0 ? loss / weight : 0; }
  void operator+=(const Sum& other) {
    loss += other.loss;
    weight += other.weight;
  }
};

// Runs batches of windows of one source through the network, tile by tile, on some threads.
class Batches {
 public:
  Batches(const Network& network, const Loss& loss, WindowSource& windows, Workers& workers,
          Interrupt& interrupt, int batch_size, bool training)
      : network_(network),
        loss_(loss),
        windows_(windows),
        workers_(workers),
        interrupt_(interrupt),
        training_(training),
        tile_kernels_(kernels().tiles(network.precision, batch_size)),
        pass_(!training          ? Pass::kForward
              : windows.learns() ? Pass::kToInputs
                                 : Pass::kBackward),
        packed_(network, tile_kernels_, pass_) {
    const int n_groups = groups(batch_size), T = windows.time_steps();
    for (int worker = 0; worker < std::min(workers.threads(), n_groups); ++worker)
      tiles_.emplace_back(network, tile_kernels_, T, windows.targets(T), pass_);
    for (int g = 0; training && g < n_groups; ++g) sums_.emplace_back(network, tile_kernels_);
    group_sums_.resize(n_groups);
  }

  void pack(const float* parameters) { packed_.pack(parameters, workers_); }

  // Loss over windows ids[0 ... n-1]; with training, the gradient of its sum in gradient().
  // Means nothing once the interrupt is requested.
  // `rate`: the learning rate's factor, for windows that learn.
  Sum run(const std::uint32_t* ids, int n, const Dropout* dropout, float* outputs = nullptr,
          double rate = 1.0) {
    const int n_groups = groups(n), n_tiles = tile_count(n), L = tile_kernels_.lanes;
    workers_.run(n_groups, [&](int group, int worker) {
      Sum sum;
      if (training_) sums_[group].clear();
      for (int t = group * n_tiles / n_groups; t < (group + 1) * n_tiles / n_groups; ++t) {
        if (interrupt_.requested(worker)) return;
        sum += run_tile(tiles_[worker], group, ids + t * L, std::min(L, n - t * L), t * L, dropout,
                        outputs, rate);
      }
      group_sums_[group] = sum;
    });
    Sum total;
    for (int group = 0; group < n_groups; ++group) total += group_sums_[group];
    if (pass_ == Pass::kToInputs && !interrupt_.requested()) windows_.learnt(ids, n, rate);
    groups_run_ = n_groups;
    return total;
  }

  // Of the batch run last.
  void gradient(float* out) { GradientSums::reduce(sums_, groups_run_, out, workers_); }

 private:
  int tile_count(int n) const { return (n + tile_kernels_.lanes - 1) / tile_kernels_.lanes; }
  int groups(int n) const { return std::min(tile_count(n), kMaxGroups); }

  Sum run_tile(Tile& tile, int group, const std::uint32_t* ids, int n, std::uint32_t first,
               const Dropout* dropout, float* outputs, double rate) {
    const int L = tile_kernels_.lanes;
    tile.set_steps(windows_.steps(ids, n));
    const int n_targets = windows_.targets(tile.steps()), O = network_.outputs_at(tile.steps());
    windows_.gather(ids, n, L, tile.input());
    tile.forward(packed_, dropout, first);
    Sum sum;
    sum.loss = loss_.evaluate(n_targets, L, tile.outputs(), tile.targets(), tile.weights(),
                              training_ ? tile.output_gradient() : nullptr);
    for (int j = 0; j < n_targets * L; ++j) sum.weight += tile.weights()[j];
    if (outputs)
      for (int lane = 0; lane < n; ++lane)
        for (int o = 0; o < O; ++o)
          outputs[(first + std::size_t(lane)) * O + o] = tile.outputs()[o * L + lane];
    if (!std::isfinite(sum.loss)) throw Diverged("at " + first_not_finite(tile, ids, n));
    if (training_) tile.backward(packed_, dropout, first, sums_[group]);
    if (pass_ == Pass::kToInputs)
      windows_.learn(ids, n, L,
                     {tile.input_gradient(), tile.output_gradient(), tile.weights(),
                      loss_.outputs_per_target()},
                     rate);
    return sum;
  }

  std::string first_not_finite(Tile& tile, const std::uint32_t* ids, int n) const {
    const int L = tile_kernels_.lanes, h = windows_.horizon(), Q = loss_.outputs_per_target();
    for (int lane = 0; lane < n; ++lane)
      for (int o = 0; o < network_.outputs_at(tile.steps()); ++o) {
        const float error = tile.outputs()[o * L + lane] - tile.targets()[o / Q * L + lane];
        if (tile.weights()[o / Q * L + lane] != 0.0f && !std::isfinite(error * error))
          return windows_.describe(ids[lane]) +
                 (h > 1 ? " (step " + std::to_string(o / Q % h + 1) + " of the horizon)" : "");
      }
    return windows_.describe(ids[0]);
  }

  const Network& network_;
  const Loss& loss_;
  WindowSource& windows_;
  Workers& workers_;
  Interrupt& interrupt_;
  bool training_;
  const TileKernels& tile_kernels_;
  Pass pass_;
  PackedWeights packed_;
  std::vector<Tile> tiles_;         // by worker
  std::vector<GradientSums> sums_;  // by group
  std::vector<Sum> group_sums_;
  int groups_run_ = 0;
};

class Optimizer {
 public:
  Optimizer(const Training& training, std::size_t n, Workers& workers)
      : training_(training),
        workers_(workers),
        n_(round_up(n, 64)),
        mean_(n_),
        square_(n_),
        squares_((n_ + kChunk - 1) / kChunk) {}

  // `gradient` is that of a sum of `weight` losses; both arrays hold n rounded up to 64 values.
  void step(float* parameters, const float* gradient, double weight, double rate_factor) {
    double scale = 1.0 / weight;
    if (training_.clip_norm > 0) {
      const double norm = std::sqrt(sum_of_squares(gradient)) * scale;
      scale *= std::min(1.0, training_.clip_norm / (norm + 1e-6));
    }
    ++t_;
    const float rate = float(training_.learning_rate * rate_factor);
    const AdamStep adam{rate,
                        training_.weight_decay,
                        0.9f,
                        0.999f,
                        1e-8f,
                        float(1.0 / (1.0 - std::pow(0.9, t_))),
                        float(1.0 / (1.0 - std::pow(0.999, t_)))};
    for_each_chunk([&](std::size_t, std::size_t at, std::size_t n) {
      if (training_.optimizer == Training::Optimizer::kAdam)
        kernels().adam(adam, float(scale), n, parameters + at, gradient + at, mean_.data() + at,
                       square_.data() + at);
      else  // Keras's defaults, as the tutorial had them
        kernels().rmsprop(rate, training_.weight_decay, 0.9f, 1e-7f, float(scale), n,
                          parameters + at, gradient + at, square_.data() + at);
    });
  }

  // Moves an average of the parameters after a step; faster in the first ones, so that it soon
  // forgets the initial parameters, from which it starts.
  void average(const float* parameters, float* average) {
    const float ramp = float(1 + t_) / float(10 + t_);
    const float toward = 1.0f - std::min(training_.weight_averaging, ramp);
    for_each_chunk([&](std::size_t, std::size_t at, std::size_t n) {
      for (std::size_t j = at; j < at + n; ++j) average[j] += toward * (parameters[j] - average[j]);
    });
  }

 private:
  // Chunk by chunk, whoever takes which, so that sums do not depend on the number of threads.
  static constexpr std::size_t kChunk = 4096;

  // f(chunk, first value, values)
  template <class F>
  void for_each_chunk(F f) {
    const int n_chunks = int(squares_.size()), n_parts = workers_.parts(n_);
    workers_.run(n_parts, [&](int index, int) {
      const Part part{index, n_parts};
      for (int chunk = part.begin(n_chunks); chunk < part.end(n_chunks); ++chunk) {
        const std::size_t at = chunk * kChunk;
        f(std::size_t(chunk), at, std::min(kChunk, n_ - at));
      }
    });
  }

  double sum_of_squares(const float* gradient) {
    for_each_chunk([&](std::size_t chunk, std::size_t at, std::size_t n) {
      squares_[chunk] = kernels().sum_of_squares(n, gradient + at);
    });
    return std::accumulate(squares_.begin(), squares_.end(), 0.0);
  }

  const Training& training_;
  Workers& workers_;
  std::size_t n_;
  Floats mean_, square_;
  std::vector<double> squares_;  // by chunk
  long t_ = 0;
};

void shuffle(std::vector<std::uint32_t>& order, std::uint64_t seed, int epoch) {
  Random random(seed, Purpose::kShuffle, std::uint32_t(epoch));
  for (std::size_t j = order.size(); j > 1; --j)
    std::swap(order[j - 1], order[random.below(std::uint32_t(j))]);
}

// How many threads are worth having for batches of this size.
int useful_threads(const Network& network, int T, int batch, int asked) {
  double flops = 0;
  for (const Network::Layer& layer : network.layers)
    flops += 24.0 * layer.units * (layer.inputs + layer.units) * T * batch;
  const int at_most = std::min(asked, kMaxGroups);
  // Compared as doubles: a great batch has more flops than an int can count.
  return std::max(1, int(std::min(flops / kFlopsPerThread, double(at_most))));
}

std::vector<std::uint32_t> all_windows(const WindowSource& windows) {
  if (windows.size() > std::numeric_limits<std::uint32_t>::max())
    throw ConfigError("There are more than 4,294,967,295 training windows.");
  std::vector<std::uint32_t> order(std::size_t(windows.size()));
  std::iota(order.begin(), order.end(), 0u);
  return order;
}

}  // namespace

double rate_factor(Training::Schedule schedule, std::int64_t step, std::int64_t steps) {
  if (schedule == Training::Schedule::kConstant) return 1.0;
  constexpr double kLast = 0.01;
  const std::int64_t rise = steps / 50, fall = steps - rise;
  if (step < rise) return double(step + 1) / double(rise + 1);
  const double done = fall > 1 ? double(step - rise) / double(fall - 1) : 0.0;
  return kLast + (1.0 - kLast) * 0.5 * (1.0 + std::cos(std::numbers::pi * done));
}

TrainingResult train(const Network& network, const Loss& loss, WindowSource& windows,
                     WindowSource* validation, const Training& training, float* parameters,
                     const EpochEnded& epoch_ended, Interrupt& interrupt) {
  FlushDenormals flush;
  const auto n = windows.size();
  const int batch = int(std::min<std::int64_t>(training.batch_size, n));
  Workers workers(useful_threads(network, windows.time_steps(), batch, training.threads));

  std::vector<std::uint32_t> order = all_windows(windows), validation_order;
  Batches batches(network, loss, windows, workers, interrupt, batch, true);
  std::unique_ptr<Batches> checks;
  constexpr int kValidationBatch = 4096;  // only a limit on what is in flight
  if (validation) {
    validation_order = all_windows(*validation);
    checks = std::make_unique<Batches>(
        network, loss, *validation, workers, interrupt,
        int(std::min<std::int64_t>(kValidationBatch, validation->size())), false);
  }

  // The working copy has room for whole vectors beyond the last parameter; those stay zero.
  Floats current(round_up(network.size, 64)), gradient(current.size()), best(current.size());
  current.assign(parameters, network.size);
  best.assign(parameters, network.size);
  const bool averages = training.weight_averaging > 0;
  Floats averaged(averages ? current.size() : 0);
  if (averages) averaged.assign(parameters, network.size);
  // What is validated and returned.
  const float* const shown = averages ? averaged.data() : current.data();
  Optimizer optimizer(training, network.size, workers);

  TrainingResult result;
  double best_loss = std::numeric_limits<double>::infinity();
  std::uint32_t step = 0;
  const std::int64_t steps = (n + batch - 1) / batch * training.epochs;
  const auto train_epoch = [&](int epoch) {
    if (training.balance) {
      Random random(training.seed, Purpose::kBalance, std::uint32_t(epoch));
      windows.balance(order, random);
    }
    if (training.shuffle) shuffle(order, training.seed, epoch);
    Random beginning(training.seed, Purpose::kEpoch, std::uint32_t(epoch));
    windows.begin_epoch(order, batch, beginning);
    Sum total;
    for (std::int64_t at = 0; at < n; at += batch, ++step) {
      const Dropout dropout{training.seed, step};
      batches.pack(current.data());
      const double rate = rate_factor(training.schedule, step, steps);
      const Sum sum = batches.run(order.data() + at, int(std::min<std::int64_t>(batch, n - at)),
                                  network.dropout > 0 ? &dropout : nullptr, nullptr, rate);
      if (interrupt.requested()) break;
      if (sum.weight > 0 && !training.frozen) {
        batches.gradient(gradient.data());
        optimizer.step(current.data(), gradient.data(), sum.weight, rate);
        if (averages) optimizer.average(current.data(), averaged.data());
      }
      total += sum;
    }
    return total;
  };
  const auto validate = [&] {
    Sum sum;
    checks->pack(shown);
    for (std::size_t at = 0; at < validation_order.size(); at += kValidationBatch)
      sum += checks->run(validation_order.data() + at,
                         int(std::min<std::size_t>(kValidationBatch, validation_order.size() - at)),
                         nullptr);
    return sum;
  };

  for (int epoch = 1; epoch <= training.epochs && !result.cancelled; ++epoch) {
    Sum total, checked;
    try {
      total = train_epoch(epoch);
      if (checks) checked = validate();
    } catch (const Diverged& where) {
      throw Diverged("The loss is not a finite number in epoch " + std::to_string(epoch) +
                     ", batch step " + std::to_string(step + 1) + ", " + where.what() + ".");
    }
    if (interrupt.requested()) {
      result.cancelled = true;
      break;
    }
    result.loss.push_back(total.mean());
    // Where no validation target counts (flat windows), there is nothing to stop by.
    if (checks && checked.weight == 0) checks.reset();
    double score = std::numeric_limits<double>::quiet_NaN();
    if (checks) result.validation_loss.push_back(score = checked.mean());
    const bool stops_early = checks && training.patience > 0;
    if (!stops_early || score < best_loss) {
      best_loss = score;
      result.best_epoch = epoch;
      best.assign(shown, network.size);
    }
    result.cancelled = !epoch_ended({epoch, result.loss.back(), score, result.best_epoch});
    if (stops_early && epoch - result.best_epoch >= training.patience) break;
  }
  if (!std::all_of(best.data(), best.data() + network.size,
                   [](float w) { return std::isfinite(w); }))
    throw Diverged("A weight is not a finite number after training.");
  std::memcpy(parameters, best.data(), network.size * sizeof(float));
  return result;
}

double loss_and_gradient(const Network& network, const Loss& loss, WindowSource& windows,
                         int threads, std::uint64_t dropout_seed, const float* parameters,
                         float* outputs, float* gradient) {
  FlushDenormals flush;
  const std::vector<std::uint32_t> order = all_windows(windows);
  Workers workers(threads);
  Interrupt never([] { return true; });
  Batches batches(network, loss, windows, workers, never, int(order.size()), true);
  batches.pack(parameters);
  const Dropout dropout{dropout_seed, 0};
  Sum sum;
  try {
    sum = batches.run(order.data(), int(order.size()), network.dropout > 0 ? &dropout : nullptr,
                      outputs);
  } catch (const Diverged& where) {
    throw Diverged(std::string("The loss is not a finite number ") + where.what() + ".");
  }
  batches.gradient(gradient);
  for (std::size_t j = 0; sum.weight > 0 && j < network.size; ++j)
    gradient[j] = float(gradient[j] / sum.weight);
  return sum.mean();
}

}  // namespace gatecast
