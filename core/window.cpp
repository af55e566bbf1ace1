#include "window.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace gatecast {
namespace {

double mean_abs(const double* y, int n) {
  double total = 0;
  for (int j = 0; j < n; ++j) total += std::fabs(y[j]);
  return total / n;
}

// Differences so far below the values are rounding noise, and scaling would only magnify it.
constexpr double kNoise = 1e-12;

// Puts a line through missing values, from neighbour to neighbour; the first value is there.
void bridge_gaps(std::vector<double>& y) {
  std::size_t before = 0;
  for (std::size_t j = 1; j < y.size(); ++j) {
    if (std::isnan(y[j])) continue;
    for (std::size_t gap = before + 1; gap < j; ++gap)
      y[gap] = y[before] + (y[j] - y[before]) * (double(gap - before) / double(j - before));
    before = j;
  }
  std::fill(y.begin() + before, y.end(), y[before]);
}

}  // namespace

WindowScale::WindowScale(const Windowing& windowing, const double* context, int length,
                         double spread)
    : windowing_(windowing), context_(context), length_(length), flat_(length == 0) {
  if (windowing.scaling == Scaling::kNone || length == 0) return;
  const double typical = mean_abs(context, length);
  const auto [low, high] = std::minmax_element(context, context + length);
  flat_ = length > 1 && *high - *low <= kNoise * typical;
  from_ = From::kScaling;
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
    case Scaling::kSeries:
      for (int j = 0; j < length; ++j) location_ += context[j] / length;
      scale_ = spread;
      from_ = From::kSpread;
      break;
    case Scaling::kMeanAbs:
      scale_ = typical;
      from_ = From::kMeanAbs;
      break;
    case Scaling::kLevel:
      scale_ = mean_abs(context + length - recent(), recent());
      break;
    case Scaling::kFirst:
      // The tutorial divides by the first value even where it is zero; a window that starts within
      // a hundredth of its typical size of zero is divided by that size instead.
      location_ = context[0];
      scale_ = std::fabs(context[0]) > 0.01 * typical ? context[0] : typical;
      if (scale_ != context[0]) from_ = From::kMeanAbs;
      break;
  }
  if (!(std::fabs(scale_) > kNoise * typical)) {
    scale_ = typical > 0 ? typical : 1.0;
    from_ = typical > 0 ? From::kMeanAbs : From::kNothing;
  }
  if (flat_ && spread > kNoise * typical) {
    scale_ = spread;
    from_ = From::kSpread;
    flat_ = false;
  }
}

int WindowScale::recent() const {
  return std::min(length_, windowing_.season_length > 1 ? windowing_.season_length : 4);
}

double WindowScale::last() const {
  return length_ ? context_[length_ - 1] : std::numeric_limits<double>::quiet_NaN();
}

double WindowScale::anchor(int k) const {
  const int at = anchor_at(k);
  return at >= 0 ? context_[at] : windowing_.anchor == Anchor::kNone ? location_ : last();
}

int WindowScale::anchor_at(int k) const {
  const int m = windowing_.season_length;
  switch (windowing_.anchor) {
    case Anchor::kNone:
      return -1;
    case Anchor::kSeason:
      if (m <= length_) return length_ - m + k % m;
      break;  // shorter than a season: the last value
    case Anchor::kLast:
      break;
  }
  return length_ - 1;
}

ScaleSlopes WindowScale::slopes() const {
  ScaleSlopes slopes{std::vector<double>(length_), std::vector<double>(length_)};
  const double n = length_;
  const auto by_size = [&](int j, double of) {  // of a mean absolute value
    slopes.scale[j] = (context_[j] > 0) ? 1 / of : (context_[j] < 0) ? -1 / of : 0;
  };
  const Scaling scaling = windowing_.scaling;
  if (scaling == Scaling::kStandard || scaling == Scaling::kSeries)
    std::fill(slopes.location.begin(), slopes.location.end(), 1 / n);
  else if (scaling == Scaling::kFirst && length_ > 0)
    slopes.location[0] = 1;
  switch (from_) {
    case From::kNothing:
      break;
    case From::kMeanAbs:
      for (int j = 0; j < length_; ++j) by_size(j, n);
      break;
    case From::kSpread:
      slopes.scale_by_spread = 1;
      break;
    case From::kScaling:
      if (scaling == Scaling::kStandard)
        for (int j = 0; j < length_; ++j)
          slopes.scale[j] = (context_[j] - location_) / (n * scale_);
      else if (scaling == Scaling::kLevel)
        for (int j = length_ - recent(); j < length_; ++j) by_size(j, recent());
      else
        slopes.scale[0] = 1;
      break;
  }
  return slopes;
}

void WindowRange::weigh_series_alike() {
  std::int64_t used = 0;
  for (std::size_t s = 0; s < first.size(); ++s) used += indptr[s] < indptr[s + 1];
  weights.assign(first.size(), 0.0f);
  for (std::size_t s = 0; s < first.size(); ++s)
    if (const std::int64_t n = indptr[s + 1] - indptr[s])
      weights[s] = float(double(size()) / (double(used) * double(n)));
}

WindowSplit split_by_time(const std::int64_t* indptr, std::int64_t n_series, int context_length,
                          int horizon, double fraction, std::int64_t at_most) {
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
    if (count > at_most) {
      first += count - at_most;
      count = at_most;
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

WindowScale WindowReader::read(Context context, int lane, int lanes, TileInput out,
                               std::vector<double>& filled) const {
  const int P = windowing_.patch_size, steps = windowing_.context_steps(), I = inputs();
  const double* raw = context.values;
  int length = context.length;
  if (!complete_) {
    while (length > 0 && std::isnan(*raw)) ++raw, --length, ++context.position, ++context.row;
    context.values = raw;
    if (std::any_of(raw, raw + length, [](double y) { return std::isnan(y); })) {
      filled.assign(raw, raw + length);
      bridge_gaps(filled);
      context.values = filled.data();
    }
  }
  const double spread = covariates_.spread ? covariates_.spread[context.series] : 0.0;
  const WindowScale scale(windowing_, context.values, length, spread);
  const int padding = steps * P - length, start = padding / P;
  out.starts[lane] = std::min(start, steps - 1);
  float* x = out.x + lane;
  for (std::ptrdiff_t j = 0; j < std::ptrdiff_t(start) * I; ++j) x[j * lanes] = 0.0f;
  const Covariates& c = covariates_;
  const bool reads_width = this->reads_width();
  float width = 0;
  if (reads_width && spread > 0)
    width = float(std::clamp(std::log(std::fabs(scale.scale()) / spread), -kWidest, kWidest));
  const auto value = [&](int at) {
    if (at < length) return at < 0 ? 0.0 : scale.to_network(context.values[at]);
    return length ? scale.to_network(scale.anchor(at - length)) : 0.0;
  };
  const std::int64_t future = c.n_future ? c.future_begin[context.series] + context.position : 0;
  const int last = length + windowing_.horizon;
  float* to = x + std::ptrdiff_t(start) * I * lanes;
  const auto put = [&](float input) {
    *to = input;
    to += lanes;
  };
  const auto put_row = [&](const float* from, std::int64_t row, int n) {
    for (int j = 0; j < n; ++j) put(from ? from[row * n + j] : 0.0f);
  };
  for (int t = start; t < windowing_.time_steps(); ++t) {
    const int begin = t * P - padding, end = begin + P;  // from the context's first value
    for (int at = begin; at < end; ++at) put(float(value(at)));
    for (int at = begin; windowing_.mask && at < end; ++at)
      put(0 <= at && at < length && !std::isnan(raw[at]) ? 1.0f : 0.0f);
    if (reads_width) put(width);
    for (int at = begin; c.n_past && at < end; ++at)
      put_row(0 <= at && at < length ? c.past : nullptr, context.row + at, c.n_past);
    for (int at = begin; c.n_future && at < end; ++at)
      put_row(0 <= at && at < last ? c.future : nullptr, future + at, c.n_future);
    put_row(c.constant, context.series, c.n_static);
  }
  return scale;
}

SeriesWindows::SeriesWindows(const double* values, const std::int64_t* indptr,
                             const Windowing& windowing, const WindowRange& range,
                             const Covariates& covariates)
    : values_(values),
      indptr_(indptr),
      windowing_(windowing),
      range_(range),
      reader_(windowing, covariates,
              std::none_of(values, values + indptr[range.first.size()],
                           [](double y) { return std::isnan(y); })) {}

SeriesWindows::Place SeriesWindows::find(std::uint32_t window) const {
  const auto after = std::upper_bound(range_.indptr.begin(), range_.indptr.end(),
                                      static_cast<std::int64_t>(window));
  const std::int64_t series = after - range_.indptr.begin() - 1;
  return {series, range_.first[series] + window - range_.indptr[series]};
}

void SeriesWindows::gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const {
  const int C = windowing_.context_length, h = windowing_.horizon;
  std::vector<double> filled;
  for (int lane = 0; lane < n; ++lane) {
    const auto [series, position] = find(windows[lane]);
    const double* y = values_ + indptr_[series];
    const std::int64_t begin = std::max<std::int64_t>(position, 0), end = position + C;
    const Context context{y + begin, int(end - begin), series, begin, indptr_[series] + begin};
    const WindowScale scale = reader_.read(context, lane, lanes, out, filled);
    const float weight = range_.weights.empty() ? 1.0f : range_.weights[series];
    for (int k = 0; k < horizon(); ++k) {
      const bool counts =
          k < h && end + k < range_.limit[series] && !scale.flat() && !std::isnan(y[end + k]);
      out.targets[k * lanes + lane] = counts ? float(scale.target(y[end + k], k)) : 0.0f;
      out.weights[k * lanes + lane] = counts ? weight : 0.0f;
    }
  }
  for (int lane = n; lane < lanes; ++lane) {
    out.starts[lane] = 0;
    for (std::ptrdiff_t j = 0; j < std::ptrdiff_t(time_steps()) * inputs(); ++j)
      out.x[j * lanes + lane] = 0.0f;
    for (int k = 0; k < horizon(); ++k)
      out.targets[k * lanes + lane] = out.weights[k * lanes + lane] = 0.0f;
  }
}

void SeriesWindows::balance(std::vector<std::uint32_t>& windows, Random& random) const {
  std::vector<std::int64_t> used;
  for (std::size_t s = 0; s + 1 < range_.indptr.size(); ++s)
    if (range_.indptr[s] < range_.indptr[s + 1]) used.push_back(std::int64_t(s));
  const std::size_t S = used.size(), n = windows.size();
  for (std::size_t i = 0; i < S; ++i) {
    const std::uint64_t begin = range_.indptr[used[i]], count = range_.indptr[used[i] + 1] - begin;
    const std::uint64_t share = n / S + (i < n % S);
    // One from each of `share` equal parts of the series.
    for (std::uint64_t part = 0; part < share; ++part)
      windows[part * S + i] =
          std::uint32_t(begin + (part * count + random.below(std::uint32_t(count))) / share);
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

void ArrayWindows::learn(const std::uint32_t* windows, int n, int lanes,
                         const TileGradient& gradient, double) {
  const std::size_t size = std::size_t(T_) * I_;
  for (int lane = 0; lane < n; ++lane)
    for (std::size_t j = 0; j < size; ++j)
      input_gradient_[windows[lane] * size + j] = gradient.x[j * lanes + lane];
}

std::string ArrayWindows::describe(std::uint32_t window) const {
  return "window " + std::to_string(window);
}

}  // namespace gatecast
