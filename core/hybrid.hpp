// Exponential smoothing inside a network: each series has a level and seasons of its own, smoothed
// by coefficients of its own, and one network for all forecasts what is left. Both are learnt
// together, the gradient running back through the recursion (after Smyl 2020, ES-RNN).
//
// With v the values (on a scale where seasons add: logarithms, say), S = sum of the seasons s:
//   l_t = a (v_t - S_t) + (1 - a) l_{t-1}                             a = sigmoid(p), so each c
//   s_{t+m} = c (v_t - l_t - the other seasons at t) + (1 - c) s_t
//   z_t = v_t - S_t
// and at each position t the network reads z_{t-C+1} - l_t ... z_t - l_t, and puts out, for k = 1
// to h, what v_{t+k} is above l_t and the seasons as they are known at t. A missing value (NaN)
// corrects nothing, and z is the level there.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "interrupt.hpp"
#include "network.hpp"
#include "window.hpp"

namespace gatecast {

struct Hybrid {
  std::vector<int> seasons;  // lengths, each above 1; none for data without a season
  int context_length = 1, horizon = 1;
  int positions = 1000;       // the newest of each series that the network goes through, at most
  double level_penalty = 0;   // times the mean square of the level's second differences
  double learning_rate = 0;   // of each series' own parameters
  double shared_rate = 0;     // of what all series' coefficients have in common
  bool random_start = false;  // whether each epoch begins somewhere along each series

  // Of a series: the logits of its coefficients, level first, then the seasons' initial values.
  int coefficients() const { return 1 + int(seasons.size()); }
  int parameters() const;
};

// Where series lie, and their features: `constant` and `future` of Covariates.
struct HybridSeries {
  const double* values;
  const std::int64_t* indptr;
  std::int64_t n_series;
  const double* weight;  // [n_series]: how much a series counts in the loss
  Covariates features;
};

// A series' level and seasons all along.
struct Smoothed {
  std::vector<double> level;                // [n]
  std::vector<double> z;                    // [n]
  std::vector<std::vector<double>> season;  // by season [n + m]: beyond the end, what is known then

  void run(const Hybrid& hybrid, const double* parameters, const double* values, std::int64_t n);
  // All seasons together at position t + k as they are known at t; k from 1.
  double ahead(const Hybrid& hybrid, std::int64_t t, int k) const;
};

// The gradient by the same; back() turns it into that by the series' parameters.
struct SmoothedGradient {
  std::vector<double> level, z;
  std::vector<std::vector<double>> season;

  void clear(const Hybrid& hybrid, std::int64_t n);
  // What each target, v_{t+k} - l_t - ahead(t, k), passes on.
  void add_target(const Hybrid& hybrid, std::int64_t t, int k, double gradient);
  void add_level_penalty(const Hybrid& hybrid, const Smoothed& smoothed);
  // gradient [hybrid.parameters()], and that by the values [n] where it is wanted; this is used up.
  void back(const Hybrid& hybrid, const double* parameters, const double* values,
            const Smoothed& smoothed, double* gradient, double* by_value = nullptr);
};

// Series as windows of a training: one window is a whole series, a time step one position.
class HybridWindows final : public WindowSource {
 public:
  // `parameters` [n_series][hybrid.parameters()] are trained in place. `to_end`: up to the last
  // value, to forecast, and not to the last that has a target.
  // With `gradients`, shaped as the parameters, those of each series' mean loss are written there
  // instead.
  HybridWindows(const Hybrid& hybrid, const HybridSeries& series, double* parameters, bool to_end,
                double* gradients = nullptr);

  std::int64_t size() const override { return std::int64_t(used_.size()); }
  int time_steps() const override { return most_; }
  int inputs() const override {
    return hybrid_.context_length + series_.features.n_future + series_.features.n_static;
  }
  int horizon() const override { return hybrid_.horizon; }
  int targets(int T) const override { return T * hybrid_.horizon; }
  int steps(const std::uint32_t* windows, int n) const override;
  void gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const override;
  std::string describe(std::uint32_t window) const override;
  bool learns() const override {
    return gradients_ || hybrid_.learning_rate > 0 || hybrid_.shared_rate > 0;
  }
  void learn(const std::uint32_t* windows, int n, int lanes, const TileGradient& gradient,
             double rate) override;
  void learnt(const std::uint32_t* windows, int n, double rate) override;
  void begin_epoch(std::vector<std::uint32_t>& order, int batch, Random& random) override;
  std::int64_t series(std::uint32_t window) const { return used_[window]; }
  // Of a series: the first position that the network is at, and how many there are.
  struct Positions {
    std::int64_t first, count;
  };
  Positions positions(std::int64_t s) const;

 private:
  std::int64_t length(std::int64_t s) const { return series_.indptr[s + 1] - series_.indptr[s]; }
  // An optimiser's step of one series' own parameters.
  void step(std::int64_t s, const double* gradient, double rate);

  const Hybrid& hybrid_;
  HybridSeries series_;
  double *parameters_, *gradients_;
  bool to_end_;
  int most_ = 0;
  std::vector<std::int64_t> used_;      // series that have any position
  std::vector<std::int64_t> left_out_;  // [n_series]: positions at the beginning, in this epoch
  std::vector<double> mean_, square_;   // Adam's, beside the parameters
  std::vector<long> taken_;             // its steps, by series
  std::vector<double> slopes_;          // [n_series][coefficients], of the batch at hand
  std::vector<double> shared_mean_, shared_square_;  // [coefficients]
  long shared_taken_ = 0;
};

// Forecasts [n_series][h][Q] of v, on the values' own scale.
void forecast_hybrid(const Network& network, const float* parameters, const Hybrid& hybrid,
                     const HybridSeries& series, const double* series_parameters, int threads,
                     Interrupt& interrupt, double* out);

}  // namespace gatecast
