#include "descriptors/radial_basis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>
#include <type_traits>

namespace mlff::descriptors {
namespace {

using Eigen::Index;
using std::numbers::pi;

constexpr double knots_per_length = 10.0;  ///< knots per min(σ, R/(π N), d/3), the shortest length in h_nl
constexpr Index single_every = 3;          ///< in single precision, one knot of so many
constexpr double gaussian_reach = 9.0;     ///< in σ; exp(-9²/2) = 3e-18 ends the integrand
constexpr int gauss_points = 16;           ///< per panel of the quadrature

double spherical_bessel(int l, double x) { return std::sph_bessel(static_cast<unsigned>(l), x); }

/// Root of j_l between two points of opposite sign.
double bisect_zero(int l, double low, double high) {
    const bool low_positive = spherical_bessel(l, low) > 0.0;
    for (int step = 0; step < 200 && high - low > 1e-15 * high; ++step) {
        const double middle = 0.5 * (low + high);
        ((spherical_bessel(l, middle) > 0.0) == low_positive ? low : high) = middle;
    }
    return 0.5 * (low + high);
}

/// Nodes and weights of Gauss-Legendre quadrature on [-1, 1], by Newton's method on P_n.
void gauss_legendre(int n, Eigen::VectorXd& nodes, Eigen::VectorXd& weights) {
    nodes.resize(n);
    weights.resize(n);
    for (int i = 0; i < n; ++i) {
        double x = std::cos(pi * (i + 0.75) / (n + 0.5)), slope = 0.0;
        for (int step = 0; step < 50; ++step) {
            double p = 1.0, previous = 0.0;
            for (int k = 0; k < n; ++k) {
                const double older = previous;
                previous = p;
                p = ((2.0 * k + 1.0) * x * previous - k * older) / (k + 1.0);
            }
            slope = n * (x * p - previous) / (x * x - 1.0);
            const double change = p / slope;
            x -= change;
            if (std::abs(change) < 1e-16) break;
        }
        nodes[i] = x;
        weights[i] = 2.0 / ((1.0 - x * x) * slope * slope);
    }
}

/// A function of the distance with its first two derivatives.
struct Weight {
    double value, slope, curvature;
};

Weight cutoff_function(double r, double cutoff) {
    if (r >= cutoff) return {0.0, 0.0, 0.0};
    const double k = pi / cutoff;
    return {0.5 * (std::cos(k * r) + 1.0), -0.5 * k * std::sin(k * r), -0.5 * k * k * std::cos(k * r)};
}

/// u(r)
Weight decay_function(double r, double decay) {
    if (decay == 0.0) return {1.0, 0.0, 0.0};
    const double x = r / decay, slope = 3.0 * x * x / decay, curvature = 6.0 * x / (decay * decay);  // of x³
    const double u = 1.0 / (1.0 + x * x * x);
    return {u, -slope * u * u, (2.0 * slope * slope * u - curvature) * u * u};
}

Weight operator*(const Weight& a, const Weight& b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope,
            a.curvature * b.value + 2.0 * a.slope * b.slope + a.value * b.curvature};
}

}  // namespace

void RadialBasisOptions::validate() const {
    const auto require = [](bool good, const char* field, double value, const char* bound) {
        if (!good)
            throw std::invalid_argument(std::string(field) + " must be " + bound + ", got " + std::to_string(value));
    };
    require(cutoff > 0.0 && std::isfinite(cutoff), "cutoff", cutoff, "positive");
    require(width > 0.0 && width <= cutoff, "width", width, "positive and at most the cutoff");
    require(functions >= 1 && functions <= 100, "functions", functions, "1 to 100");
    require(l_max >= 0 && l_max <= 20, "l_max", l_max, "0 to 20");
    require(filter >= 0.0 && std::isfinite(filter), "filter", filter, "0 or positive");
    require(decay == 0.0 || (decay >= 0.1 && std::isfinite(decay)), "decay", decay, "0 (none) or at least 0.1");
}

std::vector<std::vector<double>> spherical_bessel_zeros(int l_max, double limit) {
    // Zeros interlace: the n-th zero of j_l lies between the n-th and (n+1)-th of j_(l-1); those of j_0 are nπ.
    std::vector<double> zeros;
    for (int n = 1; n * pi < limit + (l_max + 1) * pi; ++n) zeros.push_back(n * pi);
    std::vector<std::vector<double>> kept;
    for (int l = 0; l <= l_max; ++l) {
        if (l > 0) {
            for (std::size_t n = 0; n + 1 < zeros.size(); ++n) zeros[n] = bisect_zero(l, zeros[n], zeros[n + 1]);
            zeros.pop_back();
        }
        // A zero that equals the limit up to rounding counts (l = 0: the N-th zero is N π itself).
        const auto end = std::upper_bound(zeros.begin(), zeros.end(), limit * (1.0 + 1e-12));
        kept.emplace_back(zeros.begin(), end);
    }
    return kept;
}

Eigen::MatrixX3d scaled_modified_bessel(int l_max, double x) {
    const Index n = l_max + 1;
    Eigen::MatrixX3d out = Eigen::MatrixX3d::Zero(n, 3);
    if (x < 1.0) {
        // Power series ι_l = Σ_k x^(l+2k) / [2^k k! (2l+2k+1)!!], differentiated term by term.
        double first = 1.0;  // 1/(2l+1)!!
        for (int l = 0; l <= l_max; ++l) {
            if (l > 0) first /= 2.0 * l + 1.0;
            double coefficient = first;
            for (int k = 0; k < 20; ++k) {
                if (k > 0) coefficient /= 2.0 * k * (2.0 * l + 2.0 * k + 1.0);
                const int power = l + 2 * k;
                out(l, 0) += coefficient * std::pow(x, power);
                if (power >= 1) out(l, 1) += coefficient * power * std::pow(x, power - 1);
                if (power >= 2) out(l, 2) += coefficient * power * (power - 1) * std::pow(x, power - 2);
            }
        }
        return out * std::exp(-x);
    }
    Eigen::VectorXd iota(l_max + 2);  // one order more than asked, for the derivative
    iota[0] = -std::expm1(-2.0 * x) / (2.0 * x);
    const double decay = std::exp(-2.0 * x);
    if (x > 10.0 + l_max * (l_max + 1.0)) {  // upward recurrence is stable here
        iota[1] = ((1.0 + decay) - (1.0 - decay) / x) / (2.0 * x);
        for (int l = 1; l <= l_max; ++l) iota[l + 1] = iota[l - 1] - (2.0 * l + 1.0) / x * iota[l];
    } else {  // Miller's downward recurrence, normalised by ι_0
        const int start = l_max + 30 + static_cast<int>(8.0 * std::sqrt(x));
        double above = 0.0, current = 1e-280;
        for (int l = start; l >= 0; --l) {
            if (l <= l_max + 1) iota[l] = current;
            const double below = above + (2.0 * l + 1.0) / x * current;  // the factor of order l - 1
            above = current;
            current = below;
            if (current > 1e200) {
                const double shrink = 1e-250;
                current *= shrink;
                above *= shrink;
                for (int k = l; k <= l_max + 1; ++k) iota[k] *= shrink;
            }
        }
        iota *= -std::expm1(-2.0 * x) / (2.0 * x) / iota[0];
    }
    for (int l = 0; l <= l_max; ++l) {
        out(l, 0) = iota[l];
        out(l, 1) = iota[l + 1] + l / x * iota[l];
        out(l, 2) = (1.0 + l * (l + 1.0) / (x * x)) * iota[l] - 2.0 / x * out(l, 1);  // Bessel's equation
    }
    return out;
}

RadialBasis::RadialBasis(const RadialBasisOptions& options) : options_(options) {
    options_.validate();
    const double R = options_.cutoff, sigma = options_.width;
    const auto zeros = spherical_bessel_zeros(options_.l_max, options_.functions * pi);
    offset_.push_back(0);
    place_.push_back(0);
    for (int l = 0; l <= options_.l_max; ++l) {
        offset_.push_back(offset_.back() + static_cast<Eigen::Index>(zeros[static_cast<std::size_t>(l)].size()));
        place_.push_back(place_.back() + width(l));
    }

    double shortest = std::min(sigma, R / (pi * options_.functions));
    if (options_.decay > 0.0) shortest = std::min(shortest, options_.decay / 3.0);
    const int panels = static_cast<int>(std::ceil(R / (2.0 * shortest)));
    Eigen::VectorXd x, weight;
    gauss_legendre(gauss_points, x, weight);
    quadrature_.nodes.resize(panels * gauss_points);
    quadrature_.weighted_chi.resize(size(), panels * gauss_points);
    const double prefactor = 4.0 * pi * std::pow(2.0 * pi * sigma * sigma, -1.5);
    for (int panel = 0; panel < panels; ++panel)
        for (int k = 0; k < gauss_points; ++k) {
            const Index node = panel * gauss_points + k;
            const double s = R / panels * (panel + 0.5 * (x[k] + 1.0));
            quadrature_.nodes[node] = s;
            for (int l = 0; l <= options_.l_max; ++l) {
                const double filter = 1.0 / (1.0 + options_.filter * std::pow(l * (l + 1.0), 2));
                for (Index n = 0; n < count(l); ++n) {
                    const double z = zeros[static_cast<std::size_t>(l)][static_cast<std::size_t>(n)];
                    // ∫_0^R j_l(z s/R)² s² ds = R³/2 j_(l+1)(z)²
                    const double norm = std::sqrt(2.0 / (R * R * R)) / std::abs(spherical_bessel(l + 1, z));
                    quadrature_.weighted_chi(offset(l) + n, node) = 0.5 * R / panels * weight[k] * s * s * norm *
                                                                    spherical_bessel(l, z * s / R) * filter * prefactor;
                }
            }
        }

    const auto n_intervals =
        single_every * static_cast<Index>(std::ceil(R / shortest * knots_per_length / double{single_every}));
    const double spacing = R / static_cast<double>(n_intervals);
    std::vector<Eigen::MatrixX3d> knots;
    // The last knot is the cutoff itself: the limit from inside keeps the curvature of f_cut there.
    for (Index knot = 0; knot < n_intervals; ++knot) knots.push_back(integrate(spacing * static_cast<double>(knot)));
    knots.push_back(integrate(std::nextafter(R, 0.0)));
    tabulate(in_double_, 1, knots);
    tabulate(in_single_, single_every, knots);
}

template <class Real>
void RadialBasis::tabulate(Table<Real>& table, Index every, const std::vector<Eigen::MatrixX3d>& knots) const {
    table.n_intervals = (static_cast<Index>(knots.size()) - 1) / every;
    table.spacing = cutoff() / static_cast<double>(table.n_intervals);
    const Index stride = padded_size();
    table.rows.assign(static_cast<std::size_t>((table.n_intervals + 1) * 3 * stride), Real(0));
    for (Index knot = 0; knot <= table.n_intervals; ++knot) {
        const Eigen::MatrixX3d& exact = knots[static_cast<std::size_t>(knot * every)];
        double scale = 1.0;
        for (Index derivative = 0; derivative < 3; ++derivative, scale *= table.spacing)
            for (int l = 0; l <= l_max(); ++l)
                for (Index n = 0; n < count(l); ++n)
                    table.rows[static_cast<std::size_t>((knot * 3 + derivative) * stride + place(l) + n)] =
                        static_cast<Real>(scale * exact(offset(l) + n, derivative));
    }
}

template <class Real>
const RadialBasis::Table<Real>& RadialBasis::table() const {
    if constexpr (std::is_same_v<Real, double>)
        return in_double_;
    else
        return in_single_;
}

Eigen::MatrixX3d RadialBasis::integrate(double r) const {
    const double inverse_variance = 1.0 / (options_.width * options_.width);
    Eigen::MatrixX3d integral = Eigen::MatrixX3d::Zero(size(), 3);
    for (Index node = 0; node < quadrature_.nodes.size(); ++node) {
        const double s = quadrature_.nodes[node];
        if (std::abs(r - s) > gaussian_reach * options_.width) continue;
        // exp(-(r²+s²)/2σ²) ι_l(x) = exp(-(r-s)²/2σ²) [exp(-x) ι_l(x)],  x = r s/σ²; derivatives in r by the product
        // rule.
        const double gaussian = std::exp(-0.5 * (r - s) * (r - s) * inverse_variance);
        const double a = -r * inverse_variance, b = s * inverse_variance;
        const Eigen::MatrixX3d iota = scaled_modified_bessel(options_.l_max, r * b);
        for (int l = 0; l <= options_.l_max; ++l) {
            const double value = gaussian * iota(l, 0);
            const double slope = gaussian * (a * iota(l, 0) + b * iota(l, 1));
            const double curvature =
                gaussian * ((a * a - inverse_variance) * iota(l, 0) + 2.0 * a * b * iota(l, 1) + b * b * iota(l, 2));
            const auto chi = quadrature_.weighted_chi.col(node).segment(offset(l), count(l));
            integral.col(0).segment(offset(l), count(l)) += value * chi;
            integral.col(1).segment(offset(l), count(l)) += slope * chi;
            integral.col(2).segment(offset(l), count(l)) += curvature * chi;
        }
    }
    const Weight w = cutoff_function(r, options_.cutoff) * decay_function(r, options_.decay);
    Eigen::MatrixX3d h(size(), 3);
    h.col(0) = w.value * integral.col(0);
    h.col(1) = w.slope * integral.col(0) + w.value * integral.col(1);
    h.col(2) = w.curvature * integral.col(0) + 2.0 * w.slope * integral.col(1) + w.value * integral.col(2);
    return h;
}

template <bool with_values, bool with_slopes, class Real>
void RadialBasis::interpolate(std::span<const double> r, Real* h, Real* dh) const {
    using Vector = Lanes<Real>;
    constexpr Index at_once = n_lanes<Real>;
    using Weights = std::array<Vector, 6>;
    const Table<Real>& knots = table<Real>();
    const double inverse_spacing = 1.0 / knots.spacing;
    const auto scale = static_cast<Real>(inverse_spacing);
    const Index n = padded_size();
    for (std::size_t first = 0; first < r.size(); first += at_once) {
        const std::size_t n_here = std::min<std::size_t>(at_once, r.size() - first);
        // The place between knots is found in double: a distance in single precision would be off by 1e-5 of it.
        std::array<const Real*, at_once> rows;
        Vector t{}, inside{};
        for (std::size_t q = 0; q < n_here; ++q) {
            const double position = r[first + q] * inverse_spacing;
            const bool is_inside = r[first + q] < options_.cutoff;
            const Index interval = is_inside ? std::min(static_cast<Index>(position), knots.n_intervals - 1) : 0;
            rows[q] = knots.rows.data() + interval * 3 * n;
            t[q] = is_inside ? static_cast<Real>(position - static_cast<double>(interval)) : Real(0);
            inside[q] = is_inside ? Real(1) : Real(0);
        }
        // Quintic Hermite polynomials of value, slope and curvature at the left knot; those at the right one are their
        // mirror images, and the slopes of both follow.
        const Vector u = Real(1) - t, t2 = t * t, u2 = u * u, t3 = inside * t2 * t, u3 = inside * u2 * u;
        const Vector middle = inside * scale * t2 * u2;
        Weights weight, slope;
        if constexpr (with_values)
            weight = {
                u3 * (Real(1) + Real(3) * t + Real(6) * t2), u3 * t * (Real(1) + Real(3) * t),  Real(0.5) * u3 * t2,
                t3 * (Real(1) + Real(3) * u + Real(6) * u2), -t3 * u * (Real(1) + Real(3) * u), Real(0.5) * t3 * u2};
        if constexpr (with_slopes)
            slope = {Real(-30) * middle,
                     inside * scale * u2 * (Real(1) + Real(2) * t - Real(15) * t2),
                     Real(0.5) * inside * scale * t * u2 * (Real(2) - Real(5) * t),
                     Real(30) * middle,
                     inside * scale * t2 * (Real(1) + Real(2) * u - Real(15) * u2),
                     Real(-0.5) * inside * scale * u * t2 * (Real(2) - Real(5) * u)};
        for (std::size_t q = 0; q < n_here; ++q) {
            const Index row = static_cast<Index>(first + q) * n;
            for (Index f = 0; f < n; f += at_once) {
                Vector value{}, derivative{};
                for (std::size_t k = 0; k < weight.size(); ++k) {
                    const Vector v = load(rows[q] + static_cast<Index>(k) * n + f);
                    if constexpr (with_values) value += weight[k][q] * v;
                    if constexpr (with_slopes) derivative += slope[k][q] * v;
                }
                if constexpr (with_values) store(h + row + f, value);
                if constexpr (with_slopes) store(dh + row + f, derivative);
            }
        }
    }
}

template <class Real>
void RadialBasis::values(std::span<const double> r, Real* h) const {
    interpolate<true, false, Real>(r, h, nullptr);
}

template <class Real>
void RadialBasis::slopes(std::span<const double> r, Real* dh) const {
    interpolate<false, true, Real>(r, nullptr, dh);
}

template <class Real>
void RadialBasis::evaluate(std::span<const double> r, Real* h, Real* dh) const {
    interpolate<true, true, Real>(r, h, dh);
}

template <class Real>
double RadialBasis::interpolation_error() const {
    Eigen::VectorX<Real> h(padded_size());
    double largest = 0.0, error = 0.0;
    for (Index interval = 0; interval < table<Real>().n_intervals; ++interval) {
        const double r = table<Real>().spacing * (static_cast<double>(interval) + 0.5);
        values({&r, 1}, h.data());
        const Eigen::MatrixX3d exact = integrate(r);
        largest = std::max(largest, exact.col(0).cwiseAbs().maxCoeff());
        for (int l = 0; l <= options_.l_max; ++l)
            error = std::max(error, (h.segment(place(l), count(l)).template cast<double>() -
                                     exact.col(0).segment(offset(l), count(l)))
                                        .cwiseAbs()
                                        .maxCoeff());
    }
    return error / largest;
}

template void RadialBasis::values(std::span<const double>, double*) const;
template void RadialBasis::values(std::span<const double>, float*) const;
template void RadialBasis::slopes(std::span<const double>, double*) const;
template void RadialBasis::slopes(std::span<const double>, float*) const;
template void RadialBasis::evaluate(std::span<const double>, double*, double*) const;
template void RadialBasis::evaluate(std::span<const double>, float*, float*) const;
template double RadialBasis::interpolation_error<double>() const;
template double RadialBasis::interpolation_error<float>() const;

}  // namespace mlff::descriptors
