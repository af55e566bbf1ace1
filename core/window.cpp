#include "window.hpp"

#include <algorithm>
#include <cmath>

namespace gatecast {
namespace {

double mean_abs(const double* y, int n) {
  double total = 0;
  for (int j = 0; j < n; ++j) total += std::fabs(y[j]);
  return total / n;
}

// Differences so far below the values are rounding noise, and scaling would only magnify it.
constexpr double kNoise = 1e-12;

}  // namespace

WindowScale::WindowScale(const Windowing& windowing, const double* context, int length)
    : windowing_(windowing), context_(context), length_(length) {
  if (windowing.scaling == Scaling::kNone) return;
  const double typical = mean_abs(context, length);
  const auto [low, high] = std::minmax_element(context, context + length);
  flat_ = length > 1 && *high - *low <= kNoise * typical;
  switch (windowing.scaling) {
    case Scaling::kNone:
      break;
    case Scaling::kStandard: {
      double mean = 0, square = 0;
      for (int j = 0; j < length; ++j) mean += context[j];
      mean /= length;
      for (int j = 0; j < length; ++j) {
        const double d = (context[j] - mean) / (typical > 0 ? typical : 1.0);  // no overflow
        square += d * d;
      }
      location_ = mean;
      scale_ = typical * std::sqrt(square / length);
      break;
    }
    case Scaling::kMeanAbs:
      scale_ = typical;
      break;
    case Scaling::kLevel: {
      const int recent =
          std::min(length, windowing.season_length > 1 ? windowing.season_length : 4);
      scale_ = mean_abs(context + length - recent, recent);
      break;
    }
    case Scaling::kFirst:
      // The tutorial divides by the first value even where it is zero; a window that starts within
      // a hundredth of its typical size of zero is divided by that size instead.
      location_ = context[0];
      scale_ = std::fabs(context[0]) > 0.01 * typical ? context[0] : typical;
      break;
  }
  if (!(std::fabs(scale_) > kNoise * typical)) scale_ = typical > 0 ? typical : 1.0;
}

double WindowScale::anchor(int k) const {
  const int m = windowing_.season_length;
  switch (windowing_.anchor) {
    case Anchor::kNone:
      return location_;
    case Anchor::kSeason:
      if (m <= length_) return context_[length_ - m + k % m];
      break;  // shorter than a season: the last value
    case Anchor::kLast:
      break;
  }
  return context_[length_ - 1];
}

WindowSplit split_by_time(const std::int64_t* indptr, std::int64_t n_series, int context_length,
                          int horizon, double fraction) {
  WindowSplit split;
  split.training.indptr.push_back(0);
  split.validation.indptr.push_back(0);
  for (std::int64_t s = 0; s < n_series; ++s) {
    const std::int64_t length = indptr[s + 1] - indptr[s];
    std::int64_t first = 0, count = length - context_length - horizon + 1;
    if (count < 1) {  // too short for one whole window: one with left padding, if anything is left
      first = length - horizon - context_length;
      count = length > horizon ? 1 : 0;
    }
    const auto held = std::min<std::int64_t>(std::llround(fraction * double(count)),
                                             std::max<std::int64_t>(count - 1, 0));
    const std::int64_t cut = first + count - held;
    split.training.first.push_back(first);
    split.training.limit.push_back(held ? cut + context_length : length);
    split.training.indptr.push_back(split.training.indptr.back() + count - held);
    split.validation.first.push_back(cut);
    split.validation.limit.push_back(length);
    split.validation.indptr.push_back(split.validation.indptr.back() + held);
  }
  return split;
}

int place_context(const WindowScale& scale, const double* context, int length, int T, int lane,
                  int lanes, float* x) {
  const int start = T - length;
  for (int t = 0; t < start; ++t) x[t * lanes + lane] = 0.0f;
  for (int t = 0; t < length; ++t)
    x[(start + t) * lanes + lane] = float(scale.to_network(context[t]));
  return start;
}

SeriesWindows::Place SeriesWindows::find(std::uint32_t window) const {
  const auto after = std::upper_bound(range_.indptr.begin(), range_.indptr.end(),
                                      static_cast<std::int64_t>(window));
  const std::int64_t series = after - range_.indptr.begin() - 1;
  return {series, range_.first[series] + window - range_.indptr[series]};
}

void SeriesWindows::gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const {
  const int C = windowing_.context_length, h = windowing_.horizon;
  for (int lane = 0; lane < n; ++lane) {
    const auto [series, position] = find(windows[lane]);
    const double* y = values_ + indptr_[series];
    const std::int64_t begin = std::max<std::int64_t>(position, 0), end = position + C;
    const WindowScale scale(windowing_, y + begin, int(end - begin));
    out.starts[lane] = place_context(scale, y + begin, int(end - begin), C, lane, lanes, out.x);
    for (int k = 0; k < h; ++k) {
      const bool counts = end + k < range_.limit[series] && !scale.flat();
      out.targets[k * lanes + lane] = counts ? float(scale.target(y[end + k], k)) : 0.0f;
      out.weights[k * lanes + lane] = counts ? 1.0f : 0.0f;
    }
  }
  for (int lane = n; lane < lanes; ++lane) {
    out.starts[lane] = 0;
    for (int t = 0; t < C; ++t) out.x[t * lanes + lane] = 0.0f;
    for (int k = 0; k < h; ++k)
      out.targets[k * lanes + lane] = out.weights[k * lanes + lane] = 0.0f;
  }
}

std::string SeriesWindows::describe(std::uint32_t window) const {
  const auto [series, position] = find(window);
  const std::int64_t begin = std::max<std::int64_t>(position, 0);
  return "series number " + std::to_string(series) + ", values " + std::to_string(begin) + " to " +
         std::to_string(position + windowing_.context_length + windowing_.horizon - 1);
}

void ArrayWindows::gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const {
  for (int lane = 0; lane < lanes; ++lane) {
    const bool used = lane < n;
    const std::int64_t w = used ? windows[lane] : 0;
    out.starts[lane] = used && starts_ ? starts_[w] : 0;
    for (int j = 0; j < T_ * I_; ++j)
      out.x[j * lanes + lane] = used && j >= out.starts[lane] * I_ ? x_[w * T_ * I_ + j] : 0.0f;
    for (int k = 0; k < h_; ++k) {
      out.targets[k * lanes + lane] = used ? targets_[w * h_ + k] : 0.0f;
      out.weights[k * lanes + lane] = used ? (weights_ ? weights_[w * h_ + k] : 1.0f) : 0.0f;
    }
  }
}

std::string ArrayWindows::describe(std::uint32_t window) const {
  return "window " + std::to_string(window);
}

}  // namespace gatecast
