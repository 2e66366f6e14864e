// Compiled once for each width of the registers, with the namespace mlff renamed (CMakeLists.txt), so that all of them
// fit in one program.
#include "descriptors/descriptor.hpp"
#include "support/environments.hpp"

namespace mlff::testing {

namespace {

template <class Real>
void append_case(const descriptors::DescriptorOptions& options, int n_neighbors, std::vector<double>& out) {
    using descriptors::Descriptor;
    const Descriptor descriptor(options, 2);
    const auto env = random_environment(n_neighbors, 2, 1.8, 6.5, 17);
    Descriptor::BasicWorkspace<Real> work;
    Eigen::VectorX<Real> x(descriptor.size());
    descriptor.value(env.view(), work, x);
    const Eigen::VectorX<Real> g = Eigen::VectorX<Real>::LinSpaced(descriptor.size(), -1, 2).array().sin();
    Eigen::Matrix3X<Real> pairs(3, n_neighbors);
    descriptor.adjoint(env.view(), work, x, g, pairs);
    out.insert(out.end(), x.begin(), x.end());
    out.insert(out.end(), pairs.reshaped().begin(), pairs.reshaped().end());
    if constexpr (std::is_same_v<Real, double>) {
        const Eigen::MatrixXd J = descriptor.jacobian(env.view(), work, x);
        out.insert(out.end(), J.reshaped().begin(), J.reshaped().end());
    }
}

}  // namespace

/// Descriptors, their adjoint and (in double) their Jacobian, for numbers of functions, of m and of neighbours that
/// fill lanes of no width, and of every width.
template <class Real>
std::vector<double> lane_width_case() {
    std::vector<double> out;
    for (const auto compression : {descriptors::Compression::none, descriptors::Compression::element})
        for (const int functions : {4, 8, 11}) {
            descriptors::DescriptorOptions options;
            options.radial = {.cutoff = 6.0, .width = 0.5, .functions = functions + 1, .l_max = 0};
            options.angular = {.cutoff = 5.0, .width = 0.5, .functions = functions, .l_max = 4};
            options.compression = compression;
            for (const int n_neighbors : {1, 6, 37}) append_case<Real>(options, n_neighbors, out);
        }
    return out;
}
template std::vector<double> lane_width_case<double>();
template std::vector<double> lane_width_case<float>();

}  // namespace mlff::testing
