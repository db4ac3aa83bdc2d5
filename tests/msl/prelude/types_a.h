// Mode A, types: plain C++20. Address spaces are erased, the value types are exact.
#define device
#define threadgroup
#define thread
#define constant const
#define kernel
#define MSL_A 1
#define MSL_METHOD
#define MSL_CONSTANT_METHOD
#define MSL_IF(...) requires(__VA_ARGS__)
#define MSL_CHECK(...) static_assert(__VA_ARGS__)
#ifdef MSL_RUN
#define MSL_BODY(...) __VA_ARGS__
#define MSL_INLINE inline
#else
#define MSL_BODY(...) ;
#define MSL_INLINE
#endif

typedef _Float16 half;
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;

namespace msl {
template <class T, class U> inline constexpr bool same = __is_same(T, U);
template <class T, class... U> inline constexpr bool one_of = (__is_same(T, U) || ...);
}

// Conversion to bfloat is explicit, from bfloat to float implicit; only + - * / and comparison exist.
struct bfloat {
  ushort bits;
  bfloat() = default;
  template <class S>
    requires(__is_arithmetic(S) || msl::same<S, half>)
  explicit constexpr bfloat(S value) : bits(round(float(value))) {}
  constexpr operator float() const { return __builtin_bit_cast(float, uint(bits) << 16); }
  template <class S>
    requires(msl::same<S, half>)
  constexpr operator S() const = delete;
  explicit constexpr operator half() const { return half(float(*this)); }
  friend constexpr bfloat operator-(bfloat a) { return bfloat(-float(a)); }
  friend constexpr bfloat operator+(bfloat a) { return a; }
#define MSL_OP(op) \
  friend constexpr bfloat operator op(bfloat a, bfloat b) { return bfloat(float(a) op float(b)); } \
  friend constexpr bfloat &operator op##=(bfloat &a, bfloat b) { return a = a op b; }
  MSL_OP(+) MSL_OP(-) MSL_OP(*) MSL_OP(/)
#undef MSL_OP
#define MSL_OP(op) \
  friend constexpr bool operator op(bfloat a, bfloat b) { return float(a) op float(b); }
  MSL_OP(<) MSL_OP(>) MSL_OP(<=) MSL_OP(>=) MSL_OP(==) MSL_OP(!=)
#undef MSL_OP
private:
  static constexpr ushort round(float value) {
    const uint u = __builtin_bit_cast(uint, value);
    return value != value ? ushort(0x7fc0) : ushort((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};
static_assert(sizeof(bfloat) == 2);

constexpr half operator""h(long double v) { return half(v); }
constexpr half operator""h(unsigned long long v) { return half(v); }
constexpr bfloat operator""_b(long double v) { return bfloat(float(v)); }

namespace metal {
template <class T, int N> struct vec;
template <class T, int N> struct packed_vec;
}

namespace msl {
template <class T>
concept integer = one_of<T, char, signed char, uchar, short, ushort, int, uint, long, ulong, long long, unsigned long long>;
template <class T>
concept floating = one_of<T, half, float, double, bfloat>;
template <class T>
concept number = integer<T> || floating<T> || same<T, bool>;
template <class T>
concept arithmetic = integer<T> || floating<T>;
template <class T>
concept bits = integer<T> || same<T, bool>;

template <class T> struct shape { using element = T; static constexpr int width = number<T> ? 1 : 0; };
template <class T, int N> struct shape<metal::vec<T, N>> { using element = T; static constexpr int width = N; };
template <class T, int N> struct shape<metal::packed_vec<T, N>> { using element = T; static constexpr int width = N; };
template <class T> using element = typename shape<T>::element;
template <class T> inline constexpr int width = shape<T>::width;

template <class T> struct sized;
template <> struct sized<char> { using bits = uchar; using wide = int; };
template <> struct sized<uchar> { using bits = uchar; using wide = uint; };
template <> struct sized<short> { using bits = ushort; using wide = int; };
template <> struct sized<ushort> { using bits = ushort; using wide = uint; };
template <> struct sized<int> { using bits = uint; using wide = long; };
template <> struct sized<uint> { using bits = uint; using wide = ulong; };
template <> struct sized<long> { using bits = ulong; using wide = __int128; };
template <> struct sized<ulong> { using bits = ulong; using wide = unsigned __int128; };
template <class T> using unsigned_of = typename sized<T>::bits;
template <class T> using wide_of = typename sized<T>::wide;

// A scalar beside a vector of T takes the vector's type; a float never becomes an integer silently.
template <class S, class T>
concept scalar_beside = number<S> && (floating<T> || !floating<S>) && (same<S, bfloat> ? one_of<T, bfloat, float> : !same<T, bfloat>);

//@lanes
}

namespace metal {
template <class T, int N> struct alignas(sizeof(T) * (N == 3 ? 4 : N)) vec : msl::lanes<T, N> {
  constexpr vec() = default;
  template <msl::number S>
  explicit(msl::same<T, bfloat> && !msl::same<S, bfloat>) constexpr vec(S value) {
    for (int i = 0; i < N; ++i) (*this)[i] = T(value);
  }
  template <class U>
    requires(!msl::same<T, U>)
  explicit constexpr vec(vec<U, N> other) {
    for (int i = 0; i < N; ++i) (*this)[i] = T(other[i]);
  }
  template <class... A>
    requires(sizeof...(A) >= 2 && (msl::width<A> + ...) == N && ((msl::width<A> > 0) && ...))
  constexpr vec(A... parts) {
    int at = 0;
    (put(at, parts), ...);
  }
  template <class R> constexpr vec &operator+=(R r) requires requires(vec v) { v + r; } { return *this = *this + r; }
  template <class R> constexpr vec &operator-=(R r) requires requires(vec v) { v - r; } { return *this = *this - r; }
  template <class R> constexpr vec &operator*=(R r) requires requires(vec v) { v *r; } { return *this = *this * r; }
  template <class R> constexpr vec &operator/=(R r) requires requires(vec v) { v / r; } { return *this = *this / r; }
  template <class R> constexpr vec &operator%=(R r) requires requires(vec v) { v % r; } { return *this = *this % r; }
  template <class R> constexpr vec &operator&=(R r) requires requires(vec v) { v &r; } { return *this = *this & r; }
  template <class R> constexpr vec &operator|=(R r) requires requires(vec v) { v | r; } { return *this = *this | r; }
  template <class R> constexpr vec &operator^=(R r) requires requires(vec v) { v ^ r; } { return *this = *this ^ r; }
  template <class R> constexpr vec &operator<<=(R r) requires requires(vec v) { v << r; } { return *this = *this << r; }
  template <class R> constexpr vec &operator>>=(R r) requires requires(vec v) { v >> r; } { return *this = *this >> r; }

private:
  template <class S> constexpr void put(int &at, S part) {
    if constexpr (msl::width<S> == 1) {
      (*this)[at++] = T(part);
    } else {
      for (int i = 0; i < msl::width<S>; ++i) (*this)[at++] = T(part[i]);
    }
  }
};

#define MSL_BINARY(op, result, allowed) \
  template <class T, int N> requires allowed<T> constexpr vec<result, N> operator op(vec<T, N> a, vec<T, N> b) { \
    vec<result, N> r; \
    for (int i = 0; i < N; ++i) r[i] = result(a[i] op b[i]); \
    return r; \
  } \
  template <class T, int N, msl::scalar_beside<T> S> requires allowed<T> \
  constexpr vec<result, N> operator op(vec<T, N> a, S b) { return a op vec<T, N>(b); } \
  template <class T, int N, msl::scalar_beside<T> S> requires allowed<T> \
  constexpr vec<result, N> operator op(S a, vec<T, N> b) { return vec<T, N>(a) op b; } \
  template <class T, int N, class R> requires(!msl::same<R, packed_vec<T, N>>) \
  constexpr auto operator op(packed_vec<T, N> a, R b) -> decltype(vec<T, N>(a) op b) { return vec<T, N>(a) op b; } \
  template <class T, int N, class L> requires(!msl::same<L, packed_vec<T, N>>) \
  constexpr auto operator op(L a, packed_vec<T, N> b) -> decltype(a op vec<T, N>(b)) { return a op vec<T, N>(b); } \
  template <class T, int N> requires allowed<T> constexpr vec<result, N> operator op(packed_vec<T, N> a, packed_vec<T, N> b) { \
    return vec<T, N>(a) op vec<T, N>(b); \
  }
MSL_BINARY(+, T, msl::arithmetic) MSL_BINARY(-, T, msl::arithmetic)
MSL_BINARY(*, T, msl::arithmetic) MSL_BINARY(/, T, msl::arithmetic)
MSL_BINARY(%, T, msl::integer) MSL_BINARY(<<, T, msl::integer) MSL_BINARY(>>, T, msl::integer)
MSL_BINARY(&, T, msl::bits) MSL_BINARY(|, T, msl::bits) MSL_BINARY(^, T, msl::bits)
MSL_BINARY(<, bool, msl::arithmetic) MSL_BINARY(>, bool, msl::arithmetic)
MSL_BINARY(<=, bool, msl::arithmetic) MSL_BINARY(>=, bool, msl::arithmetic)
MSL_BINARY(==, bool, msl::number) MSL_BINARY(!=, bool, msl::number)
MSL_BINARY(&&, bool, msl::number) MSL_BINARY(||, bool, msl::number)
#undef MSL_BINARY

#define MSL_UNARY(op, result, allowed) \
  template <class T, int N> requires allowed<T> constexpr vec<result, N> operator op(vec<T, N> a) { \
    vec<result, N> r; \
    for (int i = 0; i < N; ++i) r[i] = result(op a[i]); \
    return r; \
  }
MSL_UNARY(-, T, msl::arithmetic) MSL_UNARY(+, T, msl::arithmetic) MSL_UNARY(~, T, msl::integer) MSL_UNARY(!, bool, msl::number)
#undef MSL_UNARY

// Elements are adjacent, without the padding of a three-vector; converts both ways to vec<T, N>.
template <class T, int N> struct packed_vec : msl::lanes<T, N> {
  constexpr packed_vec() = default;
  template <class... A>
    requires(sizeof...(A) >= 1 && requires(A... a) { vec<T, N>(a...); })
  constexpr packed_vec(A... parts) : packed_vec(vec<T, N>(parts...), 0) {}
  constexpr operator vec<T, N>() const {
    vec<T, N> r;
    for (int i = 0; i < N; ++i) r[i] = (*this)[i];
    return r;
  }
  template <class R> constexpr packed_vec &operator+=(R r) { return *this = packed_vec(*this + r); }
  template <class R> constexpr packed_vec &operator*=(R r) { return *this = packed_vec(*this * r); }

private:
  constexpr packed_vec(vec<T, N> v, int) {
    for (int i = 0; i < N; ++i) (*this)[i] = v[i];
  }
};
}

// The bit pattern of a value; sizes must agree, no bool, no pointer.
template <class T, class U> constexpr T as_type(U value) {
  static_assert(!msl::same<msl::element<T>, bool> && !msl::same<msl::element<U>, bool>, "as_type does not take bool");
  static_assert(msl::width<T> > 0 && msl::width<U> > 0, "as_type takes scalars and vectors only");
  static_assert(sizeof(T) == sizeof(U), "as_type needs types of the same size");
  return __builtin_bit_cast(T, value);
}

#ifdef MSL_RUN
namespace msl {
// Normalized integers, the first component in the lowest bits; sRGB on the first three.
template <bool Signed, bool Srgb, class V> uint pack(V x, const int *bits, int count) {
  uint word = 0, offset = 0;
  for (int i = 0; i < count; offset += bits[i++]) {
    const float value = (float)x[i], scale = (float)((1 << (bits[i] - Signed)) - 1);
    const float low = Signed ? -1.0f : 0.0f, inside = value != value ? 0.0f : value < low ? low : value > 1.0f ? 1.0f : value;
    float code = inside * scale;
    if (Srgb && i < 3)
      code = (float)(255 * (inside <= 0.0031308f ? 12.92 * inside : 1.055 * __builtin_pow(inside, 1 / 2.4) - 0.055));
    word |= ((uint)(int)__builtin_rintf(code) & ((1u << bits[i]) - 1)) << offset;
  }
  return word;
}
template <class V, bool Signed, bool Srgb> V unpack(uint word, const int *bits, int count) {
  V found = V();
  int offset = 0;
  for (int i = 0; i < count; offset += bits[i++]) {
    const uint field = word << (32 - offset - bits[i]);
    const float code = Signed ? (float)((int)field >> (32 - bits[i])) : (float)(field >> (32 - bits[i]));
    float value = code / (float)((1 << (bits[i] - Signed)) - 1);
    if (Srgb && i < 3)
      value = (float)(code <= 10 ? code / 255.0 / 12.92 : __builtin_pow((code / 255.0 + 0.055) / 1.055, 2.4));
    found[i] = (element<V>)(value < -1.0f ? -1.0f : value);
  }
  return found;
}
}
#endif

namespace msl {
// The value of a function constant is known only when the pipeline is made, so it is no constant expression.
struct unknown_until_pipeline {
  template <class T> operator T() const { return T(); }
};
}
#define MSL_FC msl::unknown_until_pipeline()
