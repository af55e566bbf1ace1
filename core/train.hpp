// Fitting a network to windows: shuffled mini-batches, an optimiser, early stopping.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "interrupt.hpp"
#include "loss.hpp"
#include "network.hpp"
#include "window.hpp"

namespace gatecast {

struct Training {
  enum class Optimizer { kAdam, kRmsprop };
  enum class Schedule { kConstant, kCosine };

  int epochs = 100, batch_size = 256;
  float learning_rate = 1e-3f, weight_decay = 0.0f;
  Optimizer optimizer = Optimizer::kAdam;
  float clip_norm = 0.0f;  // the largest global norm of a gradient; 0: no limit
  int patience = 0;        // epochs without a better validation loss before stopping; 0: never,
                           // and the last weights are kept instead of the best
  std::uint64_t seed = 0;
  bool shuffle = true;
  int threads = 1;
  Schedule schedule = Schedule::kConstant;
  float weight_averaging = 0.0f;  // the decay of a moving average of the weights; 0: none
  bool balance = false;           // an epoch takes as many windows of each series
  bool frozen = false;            // the network stays as it is: only windows' own parameters learn
};

// What the learning rate is multiplied by in step 0, 1, ... of `steps`. Cosine: a linear rise over
// the first fiftieth of them, then half a wave from 1 to 0.01.
double rate_factor(Training::Schedule schedule, std::int64_t step, std::int64_t steps);

struct EpochReport {
  int epoch;                     // from 1
  double loss, validation_loss;  // NaN where there is no validation
  int best_epoch;
};

// Told of each epoch on the calling thread; returning false ends the training there.
using EpochEnded = std::function<bool(const EpochReport&)>;

struct TrainingResult {
  std::vector<double> loss, validation_loss;  // by epoch
  int best_epoch = 0;                         // from 1; the epoch whose weights are returned
  bool cancelled = false;
};

// Changes `parameters` to those with the lowest validation loss, or to the last where there is no
// validation or no patience. With weight averaging all of this is of the averaged weights.
// Throws Diverged when a loss is not finite. The result has the same bits on any number of threads.
TrainingResult train(const Network& network, const Loss& loss, WindowSource& windows,
                     WindowSource* validation, const Training& training, float* parameters,
                     const EpochEnded& epoch_ended, Interrupt& interrupt);

// Loss, outputs [N][O] and gradient [network.size] over all windows at once.
double loss_and_gradient(const Network& network, const Loss& loss, WindowSource& windows,
                         int threads, std::uint64_t dropout_seed, const float* parameters,
                         float* outputs, float* gradient);

}  // namespace gatecast
