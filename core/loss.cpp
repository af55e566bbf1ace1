#include "loss.hpp"

#include <cmath>

namespace gatecast {
namespace {

// One output against one target: adds to the gradient, returns the loss.
struct Point {
  float loss, slope;
};

Point mse(float error) { return {error * error, 2.0f * error}; }

Point mae(float error) { return {std::fabs(error), error > 0 ? 1.0f : error < 0 ? -1.0f : 0.0f}; }

Point huber(float error, float delta) {
  const float size = std::fabs(error);
  // NaN takes the second branch and stays NaN.
  if (size <= delta) return {0.5f * error * error, error};
  return {delta * (size - 0.5f * delta), error > 0 ? delta : -delta};
}

// error = output - target: too low costs q, too high costs 1 - q.
Point pinball(float error, float q) {
  return {error > 0 ? (1.0f - q) * error : -q * error, error > 0   ? 1.0f - q
                                                       : error < 0 ? -q
                                                                   : 0.0f};
}

template <class F>
double sum_over(int rows, int lanes, int per_target, const float* outputs, const float* targets,
                const float* weights, float* gradient, F point) {
  double total = 0;
  const float share = 1.0f / float(per_target);
  for (int r = 0; r < rows; ++r) {
    const float* target = targets + r / per_target * lanes;
    const float* weight = weights + r / per_target * lanes;
    for (int l = 0; l < lanes; ++l) {
      // A target that does not count may be anything, NaN included.
      if (weight[l] == 0.0f) {
        if (gradient) gradient[r * lanes + l] = 0.0f;
        continue;
      }
      const Point p = point(outputs[r * lanes + l] - target[l], r % per_target);
      total += double(p.loss) * weight[l] * share;
      if (gradient) gradient[r * lanes + l] = p.slope * weight[l] * share;
    }
  }
  return total;
}

}  // namespace

double Loss::evaluate(int h, int lanes, const float* outputs, const float* targets,
                      const float* weights, float* gradient) const {
  const int Q = outputs_per_target();
  const auto sum = [&](auto point) {
    return sum_over(h * Q, lanes, Q, outputs, targets, weights, gradient, point);
  };
  switch (kind) {
    case Kind::kMse:
      return sum([](float e, int) { return mse(e); });
    case Kind::kMae:
      return sum([](float e, int) { return mae(e); });
    case Kind::kHuber:
      return sum([this](float e, int) { return huber(e, delta); });
    case Kind::kPinball:
      return sum([this](float e, int q) { return pinball(e, quantiles[q]); });
  }
  return 0.0;
}

}  // namespace gatecast
