#include "app/variant.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "libmlff/atoms/errors.hpp"

namespace mlff::app {

namespace fs = std::filesystem;

fs::path choose_variant(const fs::path& program, const std::vector<std::string>& levels, const std::string& forced) {
    const std::string& base = levels.back();
    for (const std::string& level : levels) {
        if (!forced.empty() && level != forced) continue;
        const fs::path variant = level == base ? program.string() : program.string() + "-" + level;
        std::error_code unreadable;
        if (fs::exists(variant, unreadable)) return variant;
        if (!forced.empty())
            throw InputError(fmt::format("MLFF_ARCH={}: there is no {}; copy all of {}*", forced, variant.string(),
                                         program.string()));
    }
    if (!forced.empty())
        throw InputError(fmt::format("MLFF_ARCH={}: this CPU runs {}", forced, fmt::join(levels, ", ")));
    return program;
}

}  // namespace mlff::app
