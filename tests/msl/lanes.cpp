// Lanes as threads of the host, which meet in every function across them: runs helpers made of Metal's 32-bit functions.
#include <barrier>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>
typedef unsigned short ushort;
typedef unsigned int uint;
typedef unsigned long ulong;
struct uint2 { uint x, y; uint2() = default; uint2(uint a, uint b) : x(a), y(b) {} };
struct uint3 { uint x, y, z; uint3() = default; uint3(uint a, uint b, uint c) : x(a), y(b), z(c) {} };
static uint3 operator+(uint3 a, uint3 b) { return uint3(a.x + b.x, a.y + b.y, a.z + b.z); }
template <class To, class From> To as_type(From x) { return __builtin_bit_cast(To, x); }
static uint ctz(uint x) { return x ? __builtin_ctz(x) : 32; }

static uint active;                       // of the simdgroup
static unsigned char slots[32][16];       // what each lane brings
static std::unique_ptr<std::barrier<>> gates[32];  // of each group, by its first lane
static thread_local int own;

template <int Width> struct Group {
  static int start() { return own / Width * Width; }
  static bool is_active(int lane) { return active >> lane & 1; }
  template <class T> static T read(int lane) { T x; memcpy(&x, slots[lane], sizeof x); return x; }
  template <class T, class F> static T meet(T x, F compute) {
    memcpy(slots[own], &x, sizeof x);
    gates[start()]->arrive_and_wait();
    T result = compute();
    gates[start()]->arrive_and_wait();
    return result;
  }
  template <class T, class F> static T fold(T x, T total, int from, int to, F combine) {
    return meet(x, [&] {
      T sum = total;
      for (int lane = from; lane < to; ++lane)
        if (is_active(lane)) sum = combine(sum, read<T>(lane));
      return sum;
    });
  }
  template <class T> static T sum(T x, int end) { return fold(x, T{}, start(), end, [](T a, T b) { return a + b; }); }
  static uint mask() {
    uint bits = active >> start();
    return Width == 32 ? bits : bits & ((1u << Width % 32) - 1);
  }
};
#define LANES(prefix, width) \
  struct prefix##_vote { typedef ulong vote_t; ulong bits; explicit operator vote_t() const { return bits; } }; \
  static prefix##_vote prefix##_active_threads_mask() { return {Group<width>::mask()}; } \
  template <class T> T prefix##_sum(T x) { return Group<width>::sum(x, Group<width>::start() + width); } \
  template <class T> T prefix##_prefix_inclusive_sum(T x) { return Group<width>::sum(x, own + 1); } \
  template <class T> T prefix##_prefix_exclusive_sum(T x) { return Group<width>::sum(x, own); } \
  template <class T> T prefix##_min(T x) { \
    return Group<width>::fold(x, x, Group<width>::start(), Group<width>::start() + width, [](T a, T b) { return b < a ? b : a; }); } \
  template <class T> T prefix##_max(T x) { \
    return Group<width>::fold(x, x, Group<width>::start(), Group<width>::start() + width, [](T a, T b) { return b > a ? b : a; }); } \
  template <class T> T prefix##_broadcast(T x, ushort lane) { \
    return Group<width>::meet(x, [=] { return Group<width>::template read<T>(Group<width>::start() + lane); }); }
LANES(simd, 32)
LANES(quad, 4)

template <class T> void run(T (*function)(T), int width, uint mask, const T *in, T *out) {
  active = mask;
  for (int start = 0; start < 32; start += width) {
    int count = __builtin_popcount(width == 32 ? mask : mask >> start & 15);
    gates[start] = std::make_unique<std::barrier<>>(count ? count : 1);
  }
  std::vector<std::thread> lanes;
  memset(slots, 0xa5, sizeof slots);
  for (int lane = 0; lane < 32; ++lane)
    if (mask >> lane & 1) lanes.emplace_back([=] { own = lane; out[lane] = function(in[lane]); });
  for (auto &lane : lanes) lane.join();
}
