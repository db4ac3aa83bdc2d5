// What both modes share: synchronisation, atomics, simdgroup matrices, textures, logging.
#define METAL_FUNC inline
typedef char int8_t;
typedef uchar uint8_t;
typedef short int16_t;
typedef ushort uint16_t;
typedef int int32_t;
typedef uint uint32_t;
typedef long int64_t;
typedef ulong uint64_t;
typedef __SIZE_TYPE__ size_t;
typedef __PTRDIFF_TYPE__ ptrdiff_t;

namespace metal {
using ::size_t;
using ::ptrdiff_t;

enum class mem_flags { mem_none = 0, mem_device = 1, mem_threadgroup = 2, mem_texture = 4, mem_threadgroup_imageblock = 8 };
constexpr mem_flags operator|(mem_flags a, mem_flags b) { return mem_flags(int(a) | int(b)); }
void threadgroup_barrier(mem_flags flags);
void simdgroup_barrier(mem_flags flags);

// Only the relaxed order is legal on atomic objects; a fence also takes seq_cst.
enum memory_order { memory_order_relaxed = 0 };
enum msl_fence_order { memory_order_seq_cst = 5 };
enum thread_scope { thread_scope_thread, thread_scope_simdgroup, thread_scope_threadgroup, thread_scope_device };
void atomic_thread_fence(mem_flags flags, memory_order order, thread_scope scope = thread_scope_device);
void atomic_thread_fence(mem_flags flags, msl_fence_order order, thread_scope scope = thread_scope_device);

#ifdef MSL_A
template <class T> struct atomic {
  static_assert(msl::one_of<T, int, uint, bool, float, ulong>, "atomic<T> takes int, uint, bool, float or ulong");
  atomic() = default;
  atomic(const atomic &) = delete;
  atomic &operator=(const atomic &) = delete;
private:
  T value;
};
#else
template <class T> struct atomic { T value; };
#endif
typedef atomic<int> atomic_int;
typedef atomic<uint> atomic_uint;
typedef atomic<bool> atomic_bool;
typedef atomic<float> atomic_float;
typedef atomic<ulong> atomic_ulong;

#define MSL_ATOMIC_BASE(T, space) \
  T atomic_load_explicit(const volatile space atomic<T> *object, memory_order order); \
  void atomic_store_explicit(volatile space atomic<T> *object, T desired, memory_order order); \
  T atomic_exchange_explicit(volatile space atomic<T> *object, T desired, memory_order order); \
  bool atomic_compare_exchange_weak_explicit(volatile space atomic<T> *object, thread T *expected, T desired, memory_order success, memory_order failure);
#define MSL_ATOMIC_FETCH(op, T, space) T atomic_fetch_##op##_explicit(volatile space atomic<T> *object, T operand, memory_order order);
#define MSL_ATOMIC_SUM(T, space) MSL_ATOMIC_FETCH(add, T, space) MSL_ATOMIC_FETCH(sub, T, space)
#define MSL_ATOMIC_BITS(T, space) \
  MSL_ATOMIC_FETCH(and, T, space) MSL_ATOMIC_FETCH(or, T, space) MSL_ATOMIC_FETCH(xor, T, space)
#define MSL_ATOMIC_ORDER(T, space) MSL_ATOMIC_FETCH(min, T, space) MSL_ATOMIC_FETCH(max, T, space)
#define MSL_ATOMICS(space) \
  MSL_ATOMIC_BASE(int, space) MSL_ATOMIC_SUM(int, space) MSL_ATOMIC_BITS(int, space) MSL_ATOMIC_ORDER(int, space) \
  MSL_ATOMIC_BASE(uint, space) MSL_ATOMIC_SUM(uint, space) MSL_ATOMIC_BITS(uint, space) MSL_ATOMIC_ORDER(uint, space) \
  MSL_ATOMIC_BASE(bool, space)
MSL_ATOMICS(device)
MSL_ATOMIC_BASE(float, device) MSL_ATOMIC_SUM(float, device)
void atomic_min_explicit(volatile device atomic<ulong> *object, ulong operand, memory_order order);
void atomic_max_explicit(volatile device atomic<ulong> *object, ulong operand, memory_order order);
#ifndef MSL_A
MSL_ATOMICS(threadgroup)
#endif

struct simd_vote {
  typedef ulong vote_t;
  explicit simd_vote(vote_t bits = 0) MSL_METHOD;
  simd_vote(const thread simd_vote &) MSL_METHOD;
  explicit operator vote_t() const MSL_METHOD;
  bool all() const MSL_METHOD;
  bool any() const MSL_METHOD;
};
struct quad_vote {
  typedef uint vote_t;
  explicit quad_vote(vote_t bits = 0) MSL_METHOD;
  quad_vote(const thread quad_vote &) MSL_METHOD;
  explicit operator vote_t() const MSL_METHOD;
  bool all() const MSL_METHOD;
  bool any() const MSL_METHOD;
};
simd_vote simd_ballot(bool value);
quad_vote quad_ballot(bool value);
simd_vote simd_active_threads_mask();
quad_vote quad_active_threads_mask();
bool simd_all(bool value);
bool simd_any(bool value);
bool quad_all(bool value);
bool quad_any(bool value);
bool simd_is_first();
bool quad_is_first();
bool simd_is_helper_thread();

template <class T, int Columns, int Rows> struct simdgroup_matrix {
  MSL_CHECK(Columns == 8 && Rows == 8, "simdgroup_matrix is 8x8 only");
  MSL_CHECK(msl::one_of<T, float, half, bfloat>, "simdgroup_matrix holds float, half or bfloat");
  simdgroup_matrix() MSL_METHOD;
  explicit simdgroup_matrix(T diagonal) MSL_METHOD;
  simdgroup_matrix(const thread simdgroup_matrix &) MSL_METHOD;
  thread simdgroup_matrix &operator=(const thread simdgroup_matrix &) MSL_METHOD;
  thread vec<T, 2> &thread_elements() MSL_METHOD;
private:
  vec<T, 2> elements;
};
typedef simdgroup_matrix<float, 8, 8> simdgroup_float8x8;
typedef simdgroup_matrix<half, 8, 8> simdgroup_half8x8;
typedef simdgroup_matrix<bfloat, 8, 8> simdgroup_bfloat8x8;
template <class T, int Columns, int Rows> simdgroup_matrix<T, Columns, Rows> make_filled_simdgroup_matrix(T value);
#define MSL_MATRIX_MEMORY(space) \
  template <class T> void simdgroup_load(thread simdgroup_matrix<T, 8, 8> &d, const space T *src, ulong elements_per_row = 8, ulong2 origin = 0, bool transpose = false); \
  template <class T> void simdgroup_store(const thread simdgroup_matrix<T, 8, 8> &a, space T *dst, ulong elements_per_row = 8, ulong2 origin = 0, bool transpose = false);
MSL_MATRIX_MEMORY(device)
#ifndef MSL_A
MSL_MATRIX_MEMORY(threadgroup)
#endif
template <class D, class A, class B> void simdgroup_multiply(thread simdgroup_matrix<D, 8, 8> &d, const thread simdgroup_matrix<A, 8, 8> &a, const thread simdgroup_matrix<B, 8, 8> &b);
template <class D, class A, class B, class C> void simdgroup_multiply_accumulate(thread simdgroup_matrix<D, 8, 8> &d, const thread simdgroup_matrix<A, 8, 8> &a, const thread simdgroup_matrix<B, 8, 8> &b, const thread simdgroup_matrix<C, 8, 8> &c);
template <class T> simdgroup_matrix<T, 8, 8> operator*(const thread simdgroup_matrix<T, 8, 8> &a, const thread simdgroup_matrix<T, 8, 8> &b);

enum class coord { normalized, pixel };
enum class address { repeat, mirrored_repeat, clamp_to_edge, clamp_to_zero, clamp_to_border };
enum class filter { nearest, linear };
enum class mip_filter { none, nearest, linear };
enum class access { sample, read, write, read_write };
struct level { explicit constexpr level(float lod) MSL_METHOD {} };
struct sampler {
  template <class... A> constexpr sampler(A...) {}
};

// A 1-D texture has one level only, so its sample takes none; a size that a kind of texture lacks has no function.
#define MSL_LEVEL(place, ...) vec<T, 4> sample(sampler s, place p __VA_ARGS__, level lod) const MSL_METHOD MSL_IF(A == access::sample);
#define MSL_HEIGHT uint get_height(uint lod = 0) const MSL_METHOD;
#define MSL_DEPTH uint get_depth(uint lod = 0) const MSL_METHOD;
#define MSL_LAYERS uint get_array_size() const MSL_METHOD;
#define MSL_TEXTURE(name, at, at16, place, more, ...) \
  template <class T, access A = access::sample> struct name { \
    MSL_CHECK(msl::one_of<T, float, half, int, uint, short, ushort>, "texture element must be float, half, int, uint, short or ushort"); \
    vec<T, 4> read(at p __VA_ARGS__, uint lod = 0) const MSL_METHOD MSL_IF(A != access::write); \
    vec<T, 4> read(at16 p __VA_ARGS__, ushort lod = 0) const MSL_METHOD MSL_IF(A != access::write); \
    void write(vec<T, 4> color, at p __VA_ARGS__, uint lod = 0) const MSL_METHOD MSL_IF(A == access::write || A == access::read_write); \
    void write(vec<T, 4> color, at16 p __VA_ARGS__, ushort lod = 0) const MSL_METHOD MSL_IF(A == access::write || A == access::read_write); \
    vec<T, 4> sample(sampler s, place p __VA_ARGS__) const MSL_METHOD MSL_IF(A == access::sample); \
    more \
    void fence() const MSL_METHOD MSL_IF(A == access::read_write); \
    uint get_width(uint lod = 0) const MSL_METHOD; \
    uint get_num_mip_levels() const MSL_METHOD; \
  };
MSL_TEXTURE(texture1d, uint, ushort, float, )
MSL_TEXTURE(texture2d, uint2, ushort2, float2, MSL_LEVEL(float2) MSL_HEIGHT)
MSL_TEXTURE(texture2d_array, uint2, ushort2, float2, MSL_LEVEL(float2, , uint array) MSL_HEIGHT MSL_LAYERS, , uint array)
MSL_TEXTURE(texture3d, uint3, ushort3, float3, MSL_LEVEL(float3) MSL_HEIGHT MSL_DEPTH)

// Columns x rows, stored by columns.
#define MSL_COLUMN(space) \
  space vec<T, R> &operator[](int i) space { return columns[i]; } \
  const space vec<T, R> &operator[](int i) const space { return columns[i]; }
template <class T, int C, int R> struct matrix {
  vec<T, R> columns[C];
  matrix() MSL_METHOD = default;
  explicit matrix(T diagonal) MSL_METHOD;
  template <class... P> MSL_IF(sizeof...(P) >= 2 && ((msl::width<P> > 0) && ...) && (msl::width<P> + ...) == C * R) matrix(P... parts) MSL_METHOD;
  template <class U> MSL_IF(!msl::same<T, U>) explicit matrix(const thread matrix<U, C, R> &other) MSL_METHOD;
#ifdef MSL_A
  MSL_COLUMN()
#else
  MSL_COLUMN(thread) MSL_COLUMN(device) MSL_COLUMN(threadgroup)
  const constant vec<T, R> &operator[](int i) const constant { return columns[i]; }
#endif
};
template <class T> struct msl_plain { typedef T type; };
template <class T, int C, int R> matrix<T, C, R> operator+(matrix<T, C, R> a, matrix<T, C, R> b);
template <class T, int C, int R> matrix<T, C, R> operator-(matrix<T, C, R> a, matrix<T, C, R> b);
template <class T, int C, int R, int K> matrix<T, C, R> operator*(matrix<T, K, R> a, matrix<T, C, K> b);
template <class T, int C, int R> matrix<T, C, R> operator*(matrix<T, C, R> a, typename msl_plain<T>::type b);
template <class T, int C, int R> matrix<T, C, R> operator*(typename msl_plain<T>::type a, matrix<T, C, R> b);
template <class T, int C, int R> vec<T, R> operator*(matrix<T, C, R> a, typename msl_plain<vec<T, C>>::type b);
template <class T, int C, int R> vec<T, C> operator*(typename msl_plain<vec<T, R>>::type a, matrix<T, C, R> b);
template <class T, int C, int R> matrix<T, R, C> transpose(matrix<T, C, R> a);
template <class T, int N> T determinant(matrix<T, N, N> a);

template <class T> constexpr bool is_function_constant_defined(T) { return false; }

// The format is a literal whose letters fit the values; a value is an int, uint, long, ulong or float, as printf takes them.
#ifdef MSL_A
#ifdef MSL_RUN
extern "C" int printf(const char *format, ...);
extern "C" int vprintf(const char *format, __builtin_va_list values);
extern "C" int fflush(void *file);
#define MSL_LOG(name) \
  void name(const char *format, ...) const { \
    __builtin_va_list values; \
    __builtin_va_start(values, format); \
    printf(#name ": "); \
    vprintf(format, values); \
    printf("\n"); \
    fflush(nullptr); \
    __builtin_va_end(values); \
  }
#else
#define MSL_LOG(name) void name(const char *format, ...) const __attribute__((format(printf, 2, 3)));
#endif
#else
#define MSL_LOG(name) \
  template <class... A> void name(const constant char *format, A... values) const MSL_CONSTANT_METHOD { \
    static_assert(((__is_same(A, int) || __is_same(A, uint) || __is_same(A, long) || __is_same(A, ulong) || __is_same(A, float)) && ...), "a logged value is an int, uint, long, ulong or float"); \
  }
#endif
struct os_log {
  MSL_LOG(log) MSL_LOG(log_info) MSL_LOG(log_debug) MSL_LOG(log_error) MSL_LOG(log_fault)
};
#ifdef MSL_A
inline const os_log os_log_default{};
#else
constant os_log os_log_default = {};
#endif
}
