#include "libmlff/io/npy.hpp"

#include <fmt/format.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string_view>

#include "libmlff/atoms/errors.hpp"
#include "libmlff/io/text_file.hpp"

namespace mlff {
namespace {

static_assert(std::endian::native == std::endian::little, "the bytes of a .npy file are copied as they are");

/// What stands behind 'key': in the header, a Python dictionary; up to the end of it.
std::string_view value_of(std::string_view header, std::string_view key) {
    const auto found = header.find(fmt::format("'{}'", key));
    if (found == std::string_view::npos) return {};
    const auto colon = header.find(':', found);
    if (colon == std::string_view::npos) return {};
    const auto first = header.find_first_not_of(' ', colon + 1);
    return first == std::string_view::npos ? std::string_view() : header.substr(first);
}

std::optional<std::vector<std::size_t>> parse_shape(std::string_view text) {
    if (!text.starts_with('(') || text.find(')') == std::string_view::npos) return std::nullopt;
    std::string inside(text.substr(1, text.find(')') - 1));
    for (char& c : inside)
        if (c == ',') c = ' ';
    std::vector<std::size_t> shape;
    for (const std::string_view word : split_words(inside)) {
        const auto extent = parse_long(word);
        if (!extent || *extent < 0) return std::nullopt;
        shape.push_back(static_cast<std::size_t>(*extent));
    }
    return shape;
}

template <class Number>
void copy(std::string_view bytes, std::vector<double>& values) {
    for (std::size_t i = 0; i < values.size(); ++i) {
        Number number;
        std::memcpy(&number, bytes.data() + i * sizeof(Number), sizeof(Number));
        values[i] = static_cast<double>(number);
    }
}

/// Values in Fortran order (the first index runs fastest) to C order.
std::vector<double> to_c_order(const std::vector<double>& values, const std::vector<std::size_t>& shape) {
    std::vector<double> out(values.size());
    std::vector<std::size_t> index(shape.size(), 0);
    for (double& target : out) {
        std::size_t source = 0;
        for (std::size_t axis = shape.size(); axis-- > 0;) source = source * shape[axis] + index[axis];
        target = values[source];
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            if (++index[axis] < shape[axis]) break;
            index[axis] = 0;
        }
    }
    return out;
}

}  // namespace

NpyArray read_npy(const std::string& path) {
    const std::string file = read_text_file(path);
    const auto refuse = [&](const std::string& why) { throw InputError(path + ": " + why); };
    constexpr std::size_t fixed = 8;  // magic and version
    if (!file.starts_with("\x93NUMPY") || file.size() < fixed + 4) refuse("not a .npy file; numpy.save makes one");
    const bool short_length = file[6] == 1;  // of the header, since version 2 four bytes
    const auto byte = [&](std::size_t i) { return std::size_t{static_cast<unsigned char>(file[i])}; };
    const std::size_t header_length =
        short_length ? byte(8) + (byte(9) << 8) : byte(8) + (byte(9) << 8) + (byte(10) << 16) + (byte(11) << 24);
    const std::size_t first = fixed + (short_length ? 2 : 4);
    if (file.size() - first < header_length) refuse("is cut off in its header; a complete file is needed");
    const std::string_view header = std::string_view(file).substr(first, header_length);
    const std::string_view bytes = std::string_view(file).substr(first + header_length);

    const auto shape = parse_shape(value_of(header, "shape"));
    if (!shape) refuse("its header has no shape; numpy.save makes one");
    const std::string_view type = value_of(header, "descr").substr(0, 5);
    const std::size_t size = type == "'<f8'" || type == "'<i8'" ? 8 : type == "'<f4'" || type == "'<i4'" ? 4 : 0;
    if (size == 0) refuse(fmt::format("holds numbers of type {}; f4, f8, i4 or i8, little-endian, is needed", type));
    NpyArray array;
    array.shape = *shape;
    std::size_t count = 1;
    for (const std::size_t extent : array.shape) {
        if (extent != 0 && count > std::numeric_limits<std::size_t>::max() / extent / size)
            refuse("its shape is beyond all reason");
        count *= extent;
    }
    if (bytes.size() != count * size)
        refuse(fmt::format("holds {} bytes of data where its shape needs {}; a complete file is needed", bytes.size(),
                           count * size));
    array.values.resize(count);
    if (type == "'<f8'") copy<double>(bytes, array.values);
    if (type == "'<f4'") copy<float>(bytes, array.values);
    if (type == "'<i8'") copy<std::int64_t>(bytes, array.values);
    if (type == "'<i4'") copy<std::int32_t>(bytes, array.values);
    if (value_of(header, "fortran_order").starts_with("True")) array.values = to_c_order(array.values, array.shape);
    return array;
}

}  // namespace mlff
