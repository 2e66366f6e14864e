#include "analysis/pair_correlation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <tuple>

#include "libmlff/atoms/elements.hpp"
#include "libmlff/atoms/errors.hpp"

namespace mlff::analysis {
namespace {

constexpr double most_bins = 1e6;
constexpr double shell_window = 0.3;  ///< [Å] a peak or minimum must be extremal within this distance

const PairCorrelationOptions& validated(const PairCorrelationOptions& options) {
    options.validate();
    return options;
}

}  // namespace

void PairCorrelationOptions::validate() const {
    if (!(r_max > 0.0 && r_max < std::numeric_limits<double>::infinity()))
        throw InputError(fmt::format("r_max is {}; it must be positive", r_max));
    if (!(width > 0.0 && width <= r_max))
        throw InputError(fmt::format("width is {}; it must be positive and at most r_max, {}", width, r_max));
    if (r_max / width > most_bins)
        throw InputError(fmt::format("width is {}; it must be at least r_max/{}", width, most_bins));
    if (every < 1) throw InputError(fmt::format("every is {}; it must be at least 1 frame", every));
}

std::optional<FirstShell> find_first_shell(const Eigen::ArrayXd& r, const Eigen::ArrayXd& g,
                                           const Eigen::ArrayXd& coordination) {
    const Eigen::Index n = r.size();
    if (n < 3) return std::nullopt;
    const double width = r[1] - r[0];
    const auto reach = std::max<Eigen::Index>(1, static_cast<Eigen::Index>(std::llround(shell_window / width)));
    // A window cut off at r_max is inconclusive; one cut off below the first bin is complete.
    const auto window = [&](Eigen::Index k) {
        const Eigen::Index first = std::max<Eigen::Index>(0, k - reach);
        return g.segment(first, k + reach + 1 - first);
    };
    Eigen::Index peak = 1;
    while (peak + reach < n && !(g[peak] > 1.0 && g[peak] >= window(peak).maxCoeff())) ++peak;
    if (peak + reach >= n) return std::nullopt;

    // Vertex of the parabola through (−1, g₋), (0, g₀), (1, g₊); g₀ is the largest, so |vertex| ≤ ½.
    const double rise = 0.5 * (g[peak + 1] - g[peak - 1]);
    const double bend = g[peak + 1] - 2.0 * g[peak] + g[peak - 1];
    const double vertex = bend < 0.0 ? -rise / bend : 0.0;
    FirstShell shell{r[peak] + vertex * width, g[peak] + 0.5 * vertex * rise, std::nullopt, std::nullopt};

    Eigen::Index low = peak + 1;
    while (low + reach < n && !(g[low] <= window(low).minCoeff())) ++low;
    if (low + reach >= n) return shell;
    Eigen::Index end = low;
    while (end + 1 < n && g[end + 1] == g[low]) ++end;
    const Eigen::Index middle = (low + end) / 2;
    shell.minimum = r[middle];
    shell.coordination = coordination[middle];
    return shell;
}

PairCorrelations::PairCorrelations(const PairCorrelationOptions& options)
    : options_(validated(options)),
      neighbors_(options.r_max),
      n_bins_(std::max<Eigen::Index>(1, std::llround(options.r_max / options.width))),
      width_(options.r_max / static_cast<double>(n_bins_)) {}

void PairCorrelations::begin(const Frame& frame) {
    const Structure& structure = frame.structure;
    species_ = species_present(structure);
    counts_.assign(species_.size(), 0.0);
    channels_.clear();
    const auto channel_of = [&](int z) {
        return std::lower_bound(species_.begin(), species_.end(), z) - species_.begin();
    };
    for (const int z : structure.species) {
        channels_.push_back(channel_of(z));
        counts_[static_cast<std::size_t>(channels_.back())] += 1.0;
    }

    pairs_ = options_.pairs;
    if (pairs_.empty())
        for (std::size_t a = 0; a < species_.size(); ++a)
            for (std::size_t b = a; b < species_.size(); ++b) pairs_.emplace_back(species_[a], species_[b]);
    slot_.assign(species_.size(), std::vector<Eigen::Index>(species_.size(), -1));
    for (std::size_t p = 0; p < pairs_.size(); ++p) {
        for (const int z : {pairs_[p].first, pairs_[p].second})
            if (!std::binary_search(species_.begin(), species_.end(), z))
                throw InputError(fmt::format("{}: pair {}-{}: there is no {} in {}", frame.origin,
                                             element_symbol(pairs_[p].first), element_symbol(pairs_[p].second),
                                             element_symbol(z), formula(structure)));
        slot_[static_cast<std::size_t>(channel_of(pairs_[p].first))]
             [static_cast<std::size_t>(channel_of(pairs_[p].second))] = static_cast<Eigen::Index>(p);
    }
    histogram_.resize(static_cast<Eigen::Index>(pairs_.size()) * n_bins_);
}

void PairCorrelations::add(const Frame& frame) {
    if (n_seen_++ % options_.every != 0) return;
    const Structure& structure = frame.structure;
    if (channels_.empty()) begin(frame);
    const auto& periodic = structure.periodic;
    if (!structure.has_volume() || !(periodic[0] && periodic[1] && periodic[2]))
        throw InputError(frame.origin +
                         ": a pair correlation function needs a density, so a cell with three periodic axes");
    try {
        neighbors_.update(structure);
    } catch (const InputError& error) {
        throw InputError(frame.origin + ": " + error.what());
    }

    histogram_.setZero();
    for (Eigen::Index i = 0; i < structure.size(); ++i) {
        const auto a = static_cast<std::size_t>(channels_[static_cast<std::size_t>(i)]);
        for (Eigen::Index p = neighbors_.first(i); p < neighbors_.first(i + 1); ++p) {
            const auto b = static_cast<std::size_t>(channels_[static_cast<std::size_t>(neighbors_.neighbor(p))]);
            const Eigen::Index slot = slot_[a][b];
            if (slot < 0) continue;
            const auto bin = static_cast<Eigen::Index>(neighbors_.distances()[static_cast<std::size_t>(p)] / width_);
            histogram_[slot * n_bins_ + std::min(bin, n_bins_ - 1)] += 1.0 / counts_[a];
        }
    }
    histograms_.add(histogram_);
    inverse_volume_.add(Eigen::ArrayXd::Constant(1, 1.0 / structure.volume()));
}

std::vector<PairCorrelation> PairCorrelations::result() const {
    if (histograms_.n_samples() == 0) throw InputError("a pair correlation function needs at least one frame");
    const Eigen::ArrayXd edges = Eigen::ArrayXd::LinSpaced(n_bins_ + 1, 0.0, options_.r_max);
    const Eigen::ArrayXd volumes =
        4.0 / 3.0 * std::numbers::pi * (edges.tail(n_bins_).cube() - edges.head(n_bins_).cube());
    const double inverse_volume = inverse_volume_.mean()[0];
    const Eigen::ArrayXd mean = histograms_.mean();
    const std::optional<Eigen::ArrayXd> error = histograms_.error();

    std::vector<PairCorrelation> results;
    for (std::size_t p = 0; p < pairs_.size(); ++p) {
        const auto count = [&](int z) {
            return counts_[static_cast<std::size_t>(std::lower_bound(species_.begin(), species_.end(), z) -
                                                    species_.begin())];
        };
        const double n_a = count(pairs_[p].first), n_b = count(pairs_[p].second);
        const Eigen::Index first = static_cast<Eigen::Index>(p) * n_bins_;
        const Eigen::ArrayXd expected = n_b * inverse_volume * volumes;  // of a uniform density
        const Eigen::ArrayXd found = mean.segment(first, n_bins_);

        PairCorrelation out;
        std::tie(out.a, out.b) = pairs_[p];
        out.ratio = n_a / n_b;
        out.r = 0.5 * (edges.head(n_bins_) + edges.tail(n_bins_));
        out.g = found / expected;
        if (error) out.error = error->segment(first, n_bins_) / expected;
        out.coordination.resize(n_bins_);
        double inside = 0.0;  // up to the inner edge of the bin; half of the bin lies within its middle
        for (Eigen::Index k = 0; k < n_bins_; ++k) {
            out.coordination[k] = inside + 0.5 * found[k];
            inside += found[k];
        }
        out.shell = find_first_shell(out.r, out.g, out.coordination);
        results.push_back(std::move(out));
    }
    return results;
}

}  // namespace mlff::analysis
