// Exponential smoothing of many series: a level, a trend and a season that follow the values, and
// the estimation of what they start from and how fast they follow.
//
// With l, b, s before a step, y its value (Hyndman, Koehler, Ord & Snyder 2008, the error
// additive):
//   d = phi b  or  b^phi           the trend, damped
//   q = l + d  or  l d  or  l      level and trend
//   f = q + s  or  q s  or  q      the forecast;  e = y - f,  u = e / s with a multiplicative
//   season l' = q + alpha u b' = d + beta u       or  d + beta u / l s' = s + gamma e      or  s +
//   gamma e / q
// A value that is missing (NaN) corrects nothing. Estimated is the maximum of the Gaussian
// likelihood, which is the least sum of e^2.
#pragma once

#include <cstdint>

#include "interrupt.hpp"

namespace gatecast {

enum class Component { kNone, kAdditive, kMultiplicative };

struct SmoothingForm {
  Component trend = Component::kNone, season = Component::kNone;
  bool damped = false;    // of no meaning without a trend
  int season_length = 1;  // of no meaning without a season

  int seasons() const { return season == Component::kNone ? 0 : season_length; }
  // A state is level, trend, and the season from the next step on. What a form does not have stays
  // at what changes nothing: a trend of 0, or of 1 where it multiplies.
  int states() const { return 2 + seasons(); }
  bool multiplies() const {
    return trend == Component::kMultiplicative || season == Component::kMultiplicative;
  }
};

struct SmoothingCoefficients {
  double alpha = 0, beta = 0, gamma = 0, phi = 1;  // 0 <= beta <= alpha <= 1, gamma <= 1 - alpha
};
inline constexpr double kLeastDamping = 0.8, kMostDamping = 0.995;

enum class SmoothingStatus : std::uint8_t {
  kFitted = 0,
  kTooShort = 1,     // for as many coefficients and states, or for two seasons
  kNotPositive = 2,  // where something multiplies
  kNotFinite = 3,    // a state left the region where the form means anything
};

// Series s is values[indptr[s] ... indptr[s + 1] - 1].
struct SeriesView {
  const double* values;
  const std::int64_t* indptr;
  std::int64_t n_series;
};

// By series. What was not fitted has NaN.
struct SmoothingFits {
  SmoothingCoefficients* coefficients;
  double* states;  // [S][states()], before the first value
  double* rmse;    // of the one-step errors; a sum of squares could be too large for a double
  std::int64_t* observed;
  SmoothingStatus* status;
};

// Estimates one form for all series, each in at most `iterations` iterations from each start. The
// result has the same bits on any number of threads.
void fit_smoothing(const SmoothingForm& form, const SeriesView& series, int iterations, int threads,
                   Interrupt& interrupt, const SmoothingFits& fits);

// Runs through the values from given initial states. `errors` lies beside the values, NaN where
// they are missing; `final_states` are those after the last value.
void run_smoothing(const SmoothingForm& form, const SeriesView& series,
                   const SmoothingCoefficients* coefficients, const double* initial_states,
                   int threads, Interrupt& interrupt, double* final_states, double* errors,
                   SmoothingStatus* status);

// The sum of squared errors of one series, infinite where a state is not admissible, and its
// gradient by alpha, beta, gamma, phi and the initial state: [4 + states()].
double smoothing_loss(const SmoothingForm& form, const double* values, std::int64_t n,
                      const SmoothingCoefficients& coefficients, const double* initial_state,
                      double* gradient);

}  // namespace gatecast
