#include "hybrid.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "dispatch.hpp"
#include "random.hpp"
#include "tile.hpp"
#include "workers.hpp"

namespace gatecast {
namespace {

// With as many values a series' own parameters learn half as fast as with very many.
constexpr std::int64_t kFewValues = 500;

double sigmoid(double p) { return 1.0 / (1.0 + std::exp(-p)); }

// Of a series' parameters: the level's coefficient first.
std::vector<double> coefficients_of(const Hybrid& hybrid, const double* parameters) {
  std::vector<double> all(hybrid.coefficients());
  std::transform(parameters, parameters + all.size(), all.begin(), sigmoid);
  return all;
}

// Seasons at t but number `one`.
double others(const std::vector<std::vector<double>>& season, std::size_t one, std::int64_t t) {
  double sum = 0;
  for (std::size_t i = 0; i < season.size(); ++i)
    if (i != one) sum += season[i][t];
  return sum;
}
double all(const std::vector<std::vector<double>>& season, std::int64_t t) {
  return others(season, season.size(), t);
}

}  // namespace

int Hybrid::parameters() const {
  return coefficients() + std::accumulate(seasons.begin(), seasons.end(), 0);
}

void Smoothed::run(const Hybrid& hybrid, const double* parameters, const double* values,
                   std::int64_t n) {
  const std::size_t n_seasons = hybrid.seasons.size();
  level.resize(n);
  z.resize(n);
  season.resize(n_seasons);
  const double* initial = parameters + hybrid.coefficients();
  for (std::size_t i = 0; i < n_seasons; ++i) {
    season[i].resize(n + hybrid.seasons[i]);
    std::copy(initial, initial + hybrid.seasons[i], season[i].begin());
    initial += hybrid.seasons[i];
  }
  const std::vector<double> follows = coefficients_of(hybrid, parameters);
  const double a = follows[0];
  bool begun = false;
  for (std::int64_t t = 0; t < n; ++t) {
    const double v = values[t], total = all(season, t), before = t > 0 ? level[t - 1] : 0.0;
    const bool there = !std::isnan(v);
    level[t] = !there ? before : begun ? a * (v - total) + (1 - a) * before : v - total;
    z[t] = there ? v - total : level[t];
    begun = begun || there;
    for (std::size_t i = 0; i < n_seasons; ++i) {
      const double c = follows[1 + i], now = season[i][t];
      season[i][t + hybrid.seasons[i]] =
          there ? c * (v - level[t] - others(season, i, t)) + (1 - c) * now : now;
    }
  }
}

double Smoothed::ahead(const Hybrid& hybrid, std::int64_t t, int k) const {
  double sum = 0;
  for (std::size_t i = 0; i < season.size(); ++i)
    sum += season[i][t + 1 + (k - 1) % hybrid.seasons[i]];
  return sum;
}

void SmoothedGradient::clear(const Hybrid& hybrid, std::int64_t n) {
  level.assign(n, 0.0);
  z.assign(n, 0.0);
  season.resize(hybrid.seasons.size());
  for (std::size_t i = 0; i < season.size(); ++i) season[i].assign(n + hybrid.seasons[i], 0.0);
}

void SmoothedGradient::add_target(const Hybrid& hybrid, std::int64_t t, int k, double gradient) {
  level[t] -= gradient;
  for (std::size_t i = 0; i < season.size(); ++i)
    season[i][t + 1 + (k - 1) % hybrid.seasons[i]] -= gradient;
}

void SmoothedGradient::add_level_penalty(const Hybrid& hybrid, const Smoothed& smoothed) {
  const std::vector<double>& l = smoothed.level;
  const std::int64_t n = std::int64_t(l.size());
  for (std::int64_t t = 2; t < n; ++t) {
    const double bend = l[t] - 2 * l[t - 1] + l[t - 2];
    const double slope = 2 * hybrid.level_penalty * bend / double(n - 2);
    level[t] += slope;
    level[t - 1] -= 2 * slope;
    level[t - 2] += slope;
  }
}

void SmoothedGradient::back(const Hybrid& hybrid, const double* parameters, const double* values,
                            const Smoothed& smoothed, double* gradient, double* by_value) {
  const std::int64_t n = std::int64_t(smoothed.level.size());
  const std::size_t n_seasons = season.size();
  std::fill(gradient, gradient + hybrid.parameters(), 0.0);
  const std::vector<double> coefficients = coefficients_of(hybrid, parameters);
  const double a = coefficients[0];
  std::int64_t begin = 0;
  while (begin < n && std::isnan(values[begin])) ++begin;
  for (std::int64_t t = n - 1; t >= 0; --t) {
    const double v = values[t];
    const bool there = !std::isnan(v);
    double of_value = 0;
    for (std::size_t i = 0; i < n_seasons; ++i) {
      const double next = season[i][t + hybrid.seasons[i]];
      const double c = there ? coefficients[1 + i] : 0.0;
      of_value += c * next;
      if (there)
        gradient[1 + i] += next * c * (1 - c) * (v - smoothed.level[t] - all(smoothed.season, t));
      level[t] -= c * next;
      for (std::size_t j = 0; j < n_seasons; ++j) season[j][t] += next * (j == i ? 1 - c : -c);
    }
    if (!there) {
      if (by_value) by_value[t] = 0;
      level[t] += z[t];
      if (t > 0) level[t - 1] += level[t];
      continue;
    }
    const double before = t > 0 ? smoothed.level[t - 1] : 0.0, up = level[t];
    const double follows = t == begin ? 1.0 : a;
    if (t > begin) {
      gradient[0] += up * a * (1 - a) * (smoothed.z[t] - before);
      level[t - 1] += (1 - a) * up;
    }
    for (std::size_t i = 0; i < n_seasons; ++i) season[i][t] -= z[t] + follows * up;
    if (by_value) by_value[t] = of_value + z[t] + follows * up;
  }
  double* initial = gradient + hybrid.coefficients();
  for (std::size_t i = 0; i < n_seasons; ++i)
    initial = std::copy(season[i].begin(), season[i].begin() + hybrid.seasons[i], initial);
}

HybridWindows::HybridWindows(const Hybrid& hybrid, const HybridSeries& series, double* parameters,
                             bool to_end, double* gradients)
    : hybrid_(hybrid),
      series_(series),
      parameters_(parameters),
      gradients_(gradients),
      to_end_(to_end) {
  left_out_.assign(series.n_series, 0);
  for (std::int64_t s = 0; s < series.n_series; ++s) {
    const Positions p = positions(s);
    if (p.count < 1) continue;
    used_.push_back(s);
    most_ = std::max(most_, int(p.count));
  }
  if (!learns() || gradients) return;
  mean_.assign(std::size_t(series.n_series) * hybrid.parameters(), 0.0);
  square_.assign(mean_.size(), 0.0);
  taken_.assign(series.n_series, 0);
  slopes_.assign(std::size_t(series.n_series) * hybrid.coefficients(), 0.0);
  shared_mean_.assign(hybrid.coefficients(), 0.0);
  shared_square_ = shared_mean_;
}

HybridWindows::Positions HybridWindows::positions(std::int64_t s) const {
  const std::int64_t n = length(s), last = to_end_ ? n - 1 : n - 2;
  // A short series gives up some of its context, so that one whole horizon lies behind it.
  const auto first =
      std::max(std::min<std::int64_t>(hybrid_.context_length - 1,
                                      std::max<std::int64_t>(n - 1 - hybrid_.horizon, 0)),
               last - hybrid_.positions + 1);
  return {first + left_out_[s], last - first + 1 - left_out_[s]};
}

int HybridWindows::steps(const std::uint32_t* windows, int n) const {
  std::int64_t most = 1;
  for (int lane = 0; lane < n; ++lane) most = std::max(most, positions(used_[windows[lane]]).count);
  return int(most);
}

void HybridWindows::gather(const std::uint32_t* windows, int n, int lanes, TileInput out) const {
  const int T = steps(windows, n), C = hybrid_.context_length, h = hybrid_.horizon, I = inputs();
  const Covariates& f = series_.features;
  std::fill(out.x, out.x + std::size_t(T) * I * lanes, 0.0f);
  std::fill(out.targets, out.targets + std::size_t(T) * h * lanes, 0.0f);
  std::fill(out.weights, out.weights + std::size_t(T) * h * lanes, 0.0f);
  std::fill(out.starts, out.starts + lanes, T - 1);
  Smoothed smoothed;
  for (int lane = 0; lane < n; ++lane) {
    const std::int64_t s = used_[windows[lane]], length = this->length(s);
    const double* values = series_.values + series_.indptr[s];
    smoothed.run(hybrid_, parameters_ + s * hybrid_.parameters(), values, length);
    const auto [first, count] = positions(s);
    out.starts[lane] = T - int(count);
    const float weight = float(series_.weight[s]);
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t t = first + j, step = T - count + j;
      const double level = smoothed.level[t];
      float* x = out.x + std::size_t(step) * I * lanes + lane;
      for (int k = 0; k < C; ++k, x += lanes)
        if (const std::int64_t at = t - C + 1 + k; at >= 0) *x = float(smoothed.z[at] - level);
      for (int k = 0; k < f.n_future; ++k, x += lanes)
        *x = f.future[(f.future_begin[s] + t) * f.n_future + k];
      for (int k = 0; k < f.n_static; ++k, x += lanes) *x = f.constant[s * f.n_static + k];
      for (int k = 1; k <= h && t + k < length; ++k) {
        if (std::isnan(values[t + k])) continue;
        const std::size_t row = (std::size_t(step) * h + k - 1) * lanes + lane;
        out.targets[row] = float(values[t + k] - level - smoothed.ahead(hybrid_, t, k));
        out.weights[row] = weight;
      }
    }
  }
}

void HybridWindows::learn(const std::uint32_t* windows, int n, int lanes, const TileGradient& from,
                          double rate) {
  const int T = steps(windows, n), C = hybrid_.context_length, h = hybrid_.horizon, I = inputs();
  const int P = hybrid_.parameters(), Q = from.outputs_per_target;
  Smoothed smoothed;
  SmoothedGradient back;
  std::vector<double> gradient(P);
  for (int lane = 0; lane < n; ++lane) {
    const std::int64_t s = used_[windows[lane]], length = this->length(s);
    const double* values = series_.values + series_.indptr[s];
    const double* const parameters = parameters_ + s * P;
    smoothed.run(hybrid_, parameters, values, length);
    back.clear(hybrid_, length);
    const auto [first, count] = positions(s);
    double weight = 0;
    for (std::int64_t step = T - count; step < T; ++step)
      for (int k = 0; k < h; ++k) weight += from.weights[(step * h + k) * lanes + lane];
    if (!(weight > 0)) {
      if (!gradients_)
        std::fill_n(slopes_.begin() + s * hybrid_.coefficients(), hybrid_.coefficients(), 0.0);
      continue;
    }
    // Each series by its own mean loss, so that its parameters move alike however long it is.
    const double scale = 1.0 / weight;
    for (std::int64_t j = 0; j < count; ++j) {
      const std::int64_t t = first + j, step = T - count + j;
      const float* dx = from.x + std::size_t(step) * I * lanes + lane;
      for (int k = 0; k < C; ++k)
        if (const std::int64_t at = t - C + 1 + k; at >= 0) {
          const double d = scale * double(dx[std::size_t(k) * lanes]);
          back.z[at] += d;
          back.level[t] -= d;
        }
      for (int k = 1; k <= h && t + k < length; ++k) {
        if (std::isnan(values[t + k])) continue;
        double d = 0;
        for (int q = 0; q < Q; ++q)
          d -= from.outputs[((std::size_t(step) * h + k - 1) * Q + q) * lanes + lane];
        back.add_target(hybrid_, t, k, scale * d);
      }
    }
    if (hybrid_.level_penalty > 0) back.add_level_penalty(hybrid_, smoothed);
    back.back(hybrid_, parameters, values, smoothed, gradient.data());
    if (gradients_)
      std::copy(gradient.begin(), gradient.end(), gradients_ + s * P);
    else
      step(s, gradient.data(), rate);
  }
}

namespace {

// A step of Adam, with PyTorch's defaults.
double adam(double gradient, long taken, double& mean, double& square) {
  mean = 0.9 * mean + 0.1 * gradient;
  square = 0.999 * square + 0.001 * gradient * gradient;
  const double t = double(taken);
  return mean / (1 - std::pow(0.9, t)) / (std::sqrt(square / (1 - std::pow(0.999, t))) + 1e-8);
}

}  // namespace

void HybridWindows::step(std::int64_t s, const double* gradient, double rate) {
  const int P = hybrid_.parameters(), n = hybrid_.coefficients();
  std::copy(gradient, gradient + n, slopes_.begin() + s * n);
  ++taken_[s];
  // A series departs from the others as far as it is long enough to tell.
  const double own = double(length(s)) / double(length(s) + kFewValues);
  for (int p = 0; p < P; ++p)
    parameters_[s * P + p] -= rate * own * hybrid_.learning_rate *
                              adam(gradient[p], taken_[s], mean_[s * P + p], square_[s * P + p]);
}

// What series have in common is learnt from all of them, and moves all of them.
void HybridWindows::learnt(const std::uint32_t* windows, int n, double rate) {
  if (gradients_ || hybrid_.shared_rate == 0) return;
  const int P = hybrid_.parameters(), C = hybrid_.coefficients();
  ++shared_taken_;
  for (int c = 0; c < C; ++c) {
    double slope = 0;
    for (int j = 0; j < n; ++j) slope += slopes_[used_[windows[j]] * C + c];
    const double move = rate * hybrid_.shared_rate *
                        adam(slope / n, shared_taken_, shared_mean_[c], shared_square_[c]);
    for (std::int64_t s = 0; s < series_.n_series; ++s) parameters_[s * P + c] -= move;
  }
}

// With random starts a network cannot know by its state how much time has passed since a series'
// beginning, and learn by heart what came when. Then series of like length side by side, so that
// few lanes wait for a longer one.
void HybridWindows::begin_epoch(std::vector<std::uint32_t>& order, int batch, Random& random) {
  std::fill(left_out_.begin(), left_out_.end(), 0);
  for (std::int64_t s : used_) {
    if (!hybrid_.random_start) break;
    const std::int64_t spare = positions(s).count - hybrid_.horizon;
    if (spare > 0) left_out_[s] = random.below(std::uint32_t(spare) + 1);
  }
  const std::size_t group = std::size_t(batch) * 16;
  for (std::size_t at = 0; at < order.size(); at += group) {
    const auto begin = order.begin() + std::ptrdiff_t(at);
    const auto end = order.begin() + std::ptrdiff_t(std::min(at + group, order.size()));
    std::stable_sort(begin, end, [&](std::uint32_t a, std::uint32_t b) {
      return positions(used_[a]).count < positions(used_[b]).count;
    });
  }
}

std::string HybridWindows::describe(std::uint32_t window) const {
  return "series number " + std::to_string(used_[window]);
}

void forecast_hybrid(const Network& network, const float* parameters, const Hybrid& hybrid,
                     const HybridSeries& series, const double* series_parameters, int threads,
                     Interrupt& interrupt, double* out) {
  FlushDenormals flush;
  const int h = hybrid.horizon, O = network.head_outputs(), Q = O / h, P = hybrid.parameters();
  // Nothing is learnt here.
  const HybridWindows windows(hybrid, series, const_cast<double*>(series_parameters), true);
  const TileKernels& tile_kernels = kernels().tiles(network.precision, windows.size());
  const int L = tile_kernels.lanes, n_tiles = int((windows.size() + L - 1) / L);
  PackedWeights packed(network, tile_kernels, Pass::kForward);
  Workers workers(std::max(1, std::min(threads, n_tiles)));
  packed.pack(parameters, workers);
  std::vector<Tile> tiles;
  for (int worker = 0; worker < workers.threads(); ++worker)
    tiles.emplace_back(network, tile_kernels, windows.time_steps(),
                       windows.targets(windows.time_steps()), Pass::kForward);
  std::vector<std::uint32_t> order(windows.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return windows.steps(&a, 1) < windows.steps(&b, 1);
  });
  workers.run(n_tiles, [&](int number, int worker) {
    if (interrupt.requested(worker)) return;
    const std::uint32_t* ids = order.data() + std::size_t(number) * L;
    const int n = int(std::min<std::int64_t>(L, windows.size() - std::int64_t(number) * L));
    Tile& tile = tiles[worker];
    tile.set_steps(windows.steps(ids, n));
    windows.gather(ids, n, L, tile.input());
    tile.forward(packed, nullptr, 0);
    Smoothed smoothed;
    for (int lane = 0; lane < n; ++lane) {
      const std::int64_t s = windows.series(ids[lane]);
      const std::int64_t length = series.indptr[s + 1] - series.indptr[s];
      smoothed.run(hybrid, series_parameters + s * P, series.values + series.indptr[s], length);
      const float* outputs = tile.outputs() + std::size_t(tile.steps() - 1) * O * L + lane;
      for (int o = 0; o < O; ++o)
        out[s * O + o] = double(outputs[std::size_t(o) * L]) + smoothed.level[length - 1] +
                         smoothed.ahead(hybrid, length - 1, o / Q + 1);
    }
  });
}

}  // namespace gatecast
