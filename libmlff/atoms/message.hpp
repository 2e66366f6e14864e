#pragma once

#include <Eigen/Core>
#include <cstring>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "libmlff/atoms/structure.hpp"

namespace mlff {

/// Values one after the other as bytes, read back in the same order by another process of the same program.
///
///     Message message;  message << n << forces;      // there: message >> n >> forces;
class Message {
 public:
    Message() = default;
    explicit Message(std::string bytes) : bytes_(std::move(bytes)) {}

    template <class... Values>
    [[nodiscard]] static Message of(const Values&... values) {
        Message message;
        (message << ... << values);
        return message;
    }

    [[nodiscard]] const std::string& bytes() const { return bytes_; }

    void write(const void* data, std::size_t size) { bytes_.append(static_cast<const char*>(data), size); }
    /// @throws std::logic_error beyond the end
    void read(void* data, std::size_t size) {
        if (size > bytes_.size() - next_) throw std::logic_error("a message between ranks is shorter than expected");
        if (size > 0) std::memcpy(data, bytes_.data() + next_, size);
        next_ += size;
    }

    template <class T>
    [[nodiscard]] T get() {
        T value{};
        *this >> value;
        return value;
    }

    template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) Message& operator<<(const T& value) {
        write(&value, sizeof value);
        return *this;
    }
    template <class T>
    requires(std::is_arithmetic_v<T> || std::is_enum_v<T>) Message& operator>>(T& value) {
        read(&value, sizeof value);
        return *this;
    }

    Message& operator<<(const std::string& text) {
        *this << text.size();
        write(text.data(), text.size());
        return *this;
    }
    Message& operator>>(std::string& text) {
        text.resize(get<std::size_t>());
        read(text.data(), text.size());
        return *this;
    }

    template <class Scalar, int Rows, int Cols>
    Message& operator<<(const Eigen::Matrix<Scalar, Rows, Cols>& matrix) {
        *this << matrix.rows() << matrix.cols();
        write(matrix.data(), static_cast<std::size_t>(matrix.size()) * sizeof(Scalar));
        return *this;
    }
    template <class Scalar, int Rows, int Cols>
    Message& operator>>(Eigen::Matrix<Scalar, Rows, Cols>& matrix) {
        const auto rows = get<Eigen::Index>();
        matrix.resize(rows, get<Eigen::Index>());
        read(matrix.data(), static_cast<std::size_t>(matrix.size()) * sizeof(Scalar));
        return *this;
    }

    template <class T>
    Message& operator<<(const std::vector<T>& values) {
        *this << values.size();
        if constexpr (std::is_arithmetic_v<T>)
            write(values.data(), values.size() * sizeof(T));
        else
            for (const T& value : values) *this << value;
        return *this;
    }
    template <class T>
    Message& operator>>(std::vector<T>& values) {
        values.resize(get<std::size_t>());
        if constexpr (std::is_arithmetic_v<T>)
            read(values.data(), values.size() * sizeof(T));
        else
            for (T& value : values) *this >> value;
        return *this;
    }

    template <class T>
    Message& operator<<(const std::optional<T>& value) {
        *this << value.has_value();
        if (value) *this << *value;
        return *this;
    }
    template <class T>
    Message& operator>>(std::optional<T>& value) {
        value.reset();
        if (get<bool>()) value = get<T>();
        return *this;
    }

    template <class Key, class T>
    Message& operator<<(const std::map<Key, T>& values) {
        *this << values.size();
        for (const auto& [key, value] : values) *this << key << value;
        return *this;
    }
    template <class Key, class T>
    Message& operator>>(std::map<Key, T>& values) {
        values.clear();
        for (auto n = get<std::size_t>(); n > 0; --n) {
            auto key = get<Key>();
            *this >> values[key];
        }
        return *this;
    }

 private:
    std::string bytes_;
    std::size_t next_ = 0;
};

inline Message& operator<<(Message& message, const Structure& structure) {
    message << structure.cell;
    for (const bool periodic : structure.periodic) message << periodic;
    return message << structure.species << structure.positions;
}
inline Message& operator>>(Message& message, Structure& structure) {
    message >> structure.cell;
    for (bool& periodic : structure.periodic) message >> periodic;
    return message >> structure.species >> structure.positions;
}
inline Message& operator<<(Message& message, const LabeledStructure& item) {
    return message << item.structure << item.labels.energy << item.labels.forces << item.labels.stress << item.origin
                   << item.group << item.weight;
}
inline Message& operator>>(Message& message, LabeledStructure& item) {
    return message >> item.structure >> item.labels.energy >> item.labels.forces >> item.labels.stress >> item.origin >>
           item.group >> item.weight;
}

}  // namespace mlff
