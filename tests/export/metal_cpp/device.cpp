// A device that launches nothing: it writes down what it is asked, and every argument of a launch, in the folder that FAKE_METAL names.
// What a kernel would have written is taken from files beside: after/buffer-1.bin is what buffer 1 holds then.

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace fake {

inline std::string path(const std::string& name) { return std::string(std::getenv("FAKE_METAL")) + "/" + name; }

inline void note(const std::string& line) { std::ofstream(path("log.txt"), std::ios::app) << line << "\n"; }

inline bool fails(const char* what) {
    const char* wanted = std::getenv("FAKE_METAL_FAIL");
    return wanted && std::string(wanted) == what;
}

/// Writes down at the end of the program how many objects nobody has let go of.
struct Last {
    ~Last() { note("living " + std::to_string(NS::Object::living())); }
};

inline std::vector<std::vector<NS::Object*>>& pools() {
    static Last last;
    static std::vector<std::vector<NS::Object*>> open;
    return open;
}

template <typename Class>
Class* autoreleased(Class* object) {
    if (pools().empty()) {
        note("no pool");
    } else {
        pools().back().push_back(object);
    }
    return object;
}

inline void write(const std::string& name, const void* bytes, std::size_t length) {
    std::ofstream(path(name), std::ios::binary).write(static_cast<const char*>(bytes), std::streamsize(length));
}

inline std::vector<char> read(const std::string& name) {
    std::ifstream file(path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

struct BufferOf : MTL::Buffer {
    std::vector<char> memory;
};

struct TextureOf : MTL::Texture {
    NS::UInteger type = 2, format = 0, width = 1, height = 1, depth = 1, layers = 1, usage = 0, storage = 2;
    std::vector<char> memory;
    NS::UInteger image() const { return memory.size() / layers; }
};

struct DescriptorOf : MTL::TextureDescriptor {
    NS::UInteger type = 2, format = 80, width = 1, height = 1, depth = 1, layers = 1, usage = 1, storage = 2;
};

struct OptionsOf : MTL::CompileOptions {
    std::string said;
};

struct ValuesOf : MTL::FunctionConstantValues {
    std::map<NS::UInteger, std::string> values;
};

struct FunctionOf : MTL::Function {
    std::string name;
};

struct PipelineDescriptorOf : MTL::ComputePipelineDescriptor {
    const MTL::Function* function = nullptr;
    NS::UInteger threads = 0;
};

struct PipelineOf : MTL::ComputePipelineState {
    NS::UInteger threads = 0;
};

struct QueueOf : MTL::CommandQueue {};

struct CommandsOf : MTL::CommandBuffer {
    NS::Error* failure = nullptr;
};

struct EncoderOf : MTL::ComputeCommandEncoder {
    std::map<NS::UInteger, std::pair<BufferOf*, NS::UInteger>> buffers;
    std::map<NS::UInteger, TextureOf*> textures;
    bool is_open = true, has_pipeline = false;
    ~EncoderOf() override {
        if (is_open) note("encoder left open");
    }
};

template <typename Real, typename Class>
Real& real(Class* object) {
    return *static_cast<Real*>(const_cast<std::remove_const_t<Class>*>(object));
}

inline void refuse(NS::Error** error, const char* text) {
    auto* made = autoreleased(new NS::Error());
    made->said = text;
    *error = made;
}

/// Returns the size of a texel by the number of its format, for the formats of exported kernels.
inline NS::UInteger texel(NS::UInteger format) {
    static const std::map<NS::UInteger, NS::UInteger> sizes = {
        {MTL::PixelFormatR8Unorm, 1}, {MTL::PixelFormatRG8Unorm, 2}, {MTL::PixelFormatRGBA8Unorm, 4},
        {MTL::PixelFormatR16Float, 2}, {MTL::PixelFormatRG16Uint, 4}, {MTL::PixelFormatR32Uint, 4}, {MTL::PixelFormatR32Sint, 4},
        {MTL::PixelFormatR32Float, 4}, {MTL::PixelFormatRG32Float, 8}, {MTL::PixelFormatRGBA32Float, 16}};
    return sizes.at(format);
}

}  // namespace fake

// ---- Foundation

NS::AutoreleasePool* NS::AutoreleasePool::alloc() { return new AutoreleasePool(); }
NS::AutoreleasePool* NS::AutoreleasePool::init() {
    fake::pools().emplace_back();
    return this;
}
NS::AutoreleasePool::~AutoreleasePool() {
    for (NS::Object* object : fake::pools().back()) object->release();
    fake::pools().pop_back();
}
NS::String* NS::String::string(const char* text, StringEncoding) {
    auto* made = fake::autoreleased(new String());
    made->text_ = text;
    return made;
}
const char* NS::String::utf8String() const { return text_; }
NS::String* NS::Error::localizedDescription() const { return NS::String::string(said, NS::UTF8StringEncoding); }

// ---- memory

void* MTL::Buffer::contents() { return fake::real<fake::BufferOf>(this).memory.data(); }
NS::UInteger MTL::Buffer::length() const { return fake::real<fake::BufferOf>(this).memory.size(); }

MTL::TextureDescriptor* MTL::TextureDescriptor::alloc() { return new fake::DescriptorOf(); }
MTL::TextureDescriptor* MTL::TextureDescriptor::init() { return this; }
void MTL::TextureDescriptor::setTextureType(MTL::TextureType it) { fake::real<fake::DescriptorOf>(this).type = it; }
void MTL::TextureDescriptor::setPixelFormat(MTL::PixelFormat it) { fake::real<fake::DescriptorOf>(this).format = it; }
void MTL::TextureDescriptor::setWidth(NS::UInteger it) { fake::real<fake::DescriptorOf>(this).width = it; }
void MTL::TextureDescriptor::setHeight(NS::UInteger it) { fake::real<fake::DescriptorOf>(this).height = it; }
void MTL::TextureDescriptor::setDepth(NS::UInteger it) { fake::real<fake::DescriptorOf>(this).depth = it; }
void MTL::TextureDescriptor::setArrayLength(NS::UInteger it) { fake::real<fake::DescriptorOf>(this).layers = it; }
void MTL::TextureDescriptor::setUsage(MTL::TextureUsage it) { fake::real<fake::DescriptorOf>(this).usage = it; }
void MTL::TextureDescriptor::setStorageMode(MTL::StorageMode it) { fake::real<fake::DescriptorOf>(this).storage = it; }

NS::UInteger MTL::Texture::width() const { return fake::real<fake::TextureOf>(this).width; }
NS::UInteger MTL::Texture::height() const { return fake::real<fake::TextureOf>(this).height; }
NS::UInteger MTL::Texture::depth() const { return fake::real<fake::TextureOf>(this).depth; }
NS::UInteger MTL::Texture::arrayLength() const { return fake::real<fake::TextureOf>(this).layers; }
MTL::TextureType MTL::Texture::textureType() const { return MTL::TextureType(fake::real<fake::TextureOf>(this).type); }

namespace fake {

inline char* slice(TextureOf& texture, MTL::Region region, NS::UInteger layer, NS::UInteger row, NS::UInteger image) {
    const NS::UInteger texel_row = texture.width * texel(texture.format);
    const bool whole = region.size.width == texture.width && region.size.height == texture.height;
    const bool has_images = texture.type == MTL::TextureType3D;
    if (!whole || region.size.depth != texture.depth || row != texel_row || image != (has_images ? row * texture.height : 0)
        || layer >= texture.layers || texture.storage != MTL::StorageModeShared) {
        throw std::runtime_error("a copy of a texture is wrong");
    }
    return texture.memory.data() + layer * texture.image();
}

}  // namespace fake

void MTL::Texture::replaceRegion(MTL::Region region, NS::UInteger, NS::UInteger layer, const void* bytes, NS::UInteger row,
                                 NS::UInteger image) {
    auto& texture = fake::real<fake::TextureOf>(this);
    std::memcpy(fake::slice(texture, region, layer, row, image), bytes, texture.image());
}
void MTL::Texture::getBytes(const void* bytes, NS::UInteger row, NS::UInteger image, MTL::Region region, NS::UInteger,
                            NS::UInteger layer) {
    auto& texture = fake::real<fake::TextureOf>(this);
    std::memcpy(const_cast<void*>(bytes), fake::slice(texture, region, layer, row, image), texture.image());
}

// ---- compiling

MTL::CompileOptions* MTL::CompileOptions::alloc() { return new fake::OptionsOf(); }
MTL::CompileOptions* MTL::CompileOptions::init() { return this; }
void MTL::CompileOptions::setLanguageVersion(MTL::LanguageVersion it) {
    fake::real<fake::OptionsOf>(this).said += " language " + std::to_string(it);
}
void MTL::CompileOptions::setMathMode(MTL::MathMode it) { fake::real<fake::OptionsOf>(this).said += " math " + std::to_string(it); }
void MTL::CompileOptions::setMathFloatingPointFunctions(MTL::MathFloatingPointFunctions it) {
    fake::real<fake::OptionsOf>(this).said += " functions " + std::to_string(it);
}
void MTL::CompileOptions::setFastMathEnabled(bool it) {
    fake::real<fake::OptionsOf>(this).said += " fast " + std::to_string(int(it));
}

MTL::FunctionConstantValues* MTL::FunctionConstantValues::alloc() { return new fake::ValuesOf(); }
MTL::FunctionConstantValues* MTL::FunctionConstantValues::init() { return this; }
void MTL::FunctionConstantValues::setConstantValue(const void* value, MTL::DataType type, NS::UInteger index) {
    static const std::map<NS::UInteger, int> sizes = {
        {MTL::DataTypeFloat, 4}, {MTL::DataTypeHalf, 2}, {MTL::DataTypeBFloat, 2}, {MTL::DataTypeInt, 4}, {MTL::DataTypeUInt, 4},
        {MTL::DataTypeShort, 2}, {MTL::DataTypeUShort, 2}, {MTL::DataTypeChar, 1}, {MTL::DataTypeUChar, 1},
        {MTL::DataTypeBool, 1}, {MTL::DataTypeLong, 8}, {MTL::DataTypeULong, 8}};
    std::string text = std::to_string(type);
    for (int k = 0; k < sizes.at(type); ++k) text += " " + std::to_string(int(static_cast<const unsigned char*>(value)[k]));
    fake::real<fake::ValuesOf>(this).values[index] = text;
}

MTL::Function* MTL::Library::newFunction(const NS::String* name) {
    if (fake::fails("function")) return nullptr;
    auto* made = new fake::FunctionOf();
    made->name = name->utf8String();
    fake::note("function " + made->name);
    return made;
}
MTL::Function* MTL::Library::newFunction(const NS::String* name, const MTL::FunctionConstantValues* values, NS::Error** error) {
    if (fake::fails("function")) {
        fake::refuse(error, "a constant is missing");
        return nullptr;
    }
    for (const auto& [index, text] : fake::real<const fake::ValuesOf>(values).values) {
        fake::note("constant " + std::to_string(index) + ": " + text);
    }
    return newFunction(name);
}

MTL::ComputePipelineDescriptor* MTL::ComputePipelineDescriptor::alloc() { return new fake::PipelineDescriptorOf(); }
MTL::ComputePipelineDescriptor* MTL::ComputePipelineDescriptor::init() { return this; }
void MTL::ComputePipelineDescriptor::setComputeFunction(const MTL::Function* it) {
    fake::real<fake::PipelineDescriptorOf>(this).function = it;
}
void MTL::ComputePipelineDescriptor::setMaxTotalThreadsPerThreadgroup(NS::UInteger it) {
    fake::real<fake::PipelineDescriptorOf>(this).threads = it;
}

NS::UInteger MTL::ComputePipelineState::maxTotalThreadsPerThreadgroup() const {
    const char* limit = std::getenv("FAKE_METAL_LIMIT");
    return limit ? std::strtoul(limit, nullptr, 10) : fake::real<const fake::PipelineOf>(this).threads;
}

// ---- launching

void MTL::CommandEncoder::endEncoding() {
    static_cast<fake::EncoderOf*>(static_cast<MTL::ComputeCommandEncoder*>(this))->is_open = false;
    fake::note("end");
}
void MTL::ComputeCommandEncoder::setComputePipelineState(const MTL::ComputePipelineState* state) {
    fake::real<fake::EncoderOf>(this).has_pipeline = state != nullptr;
}
void MTL::ComputeCommandEncoder::setBytes(const void* bytes, NS::UInteger length, NS::UInteger index) {
    fake::write("bytes-" + std::to_string(index) + ".bin", bytes, length);
}
void MTL::ComputeCommandEncoder::setBuffer(const MTL::Buffer* buffer, NS::UInteger offset, NS::UInteger index) {
    fake::real<fake::EncoderOf>(this).buffers[index] = {&fake::real<fake::BufferOf>(buffer), offset};
}
void MTL::ComputeCommandEncoder::setTexture(const MTL::Texture* texture, NS::UInteger index) {
    fake::real<fake::EncoderOf>(this).textures[index] = &fake::real<fake::TextureOf>(texture);
}
void MTL::ComputeCommandEncoder::dispatchThreads(MTL::Size grid, MTL::Size threads) {
    auto& encoder = fake::real<fake::EncoderOf>(this);
    if (!encoder.is_open || !encoder.has_pipeline) throw std::runtime_error("the encoder is not ready");
    const auto use = [](const std::string& name, char* memory, std::size_t length) {
        fake::write(name, memory, length);
        const std::vector<char> after = fake::read("after/" + name);
        if (after.size() > length) throw std::runtime_error(name + " is too short");
        std::memcpy(memory, after.data(), after.size());
    };
    for (auto& [index, bound] : encoder.buffers) {
        auto& memory = bound.first->memory;
        use("buffer-" + std::to_string(index) + ".bin", memory.data() + bound.second, memory.size() - bound.second);
    }
    for (auto& [index, texture] : encoder.textures) {
        use("texture-" + std::to_string(index) + ".bin", texture->memory.data(), texture->memory.size());
        fake::note("texture " + std::to_string(index) + ": type " + std::to_string(texture->type) + " format "
                   + std::to_string(texture->format) + " usage " + std::to_string(texture->usage));
    }
    const auto text = [](MTL::Size size) {
        return std::to_string(size.width) + "," + std::to_string(size.height) + "," + std::to_string(size.depth);
    };
    fake::note("dispatch " + text(grid) + " " + text(threads));
}

MTL::ComputeCommandEncoder* MTL::CommandBuffer::computeCommandEncoder() { return fake::autoreleased(new fake::EncoderOf()); }
void MTL::CommandBuffer::commit() {
    fake::note("commit");
    if (fake::fails("launch")) fake::refuse(&fake::real<fake::CommandsOf>(this).failure, "the GPU timed out");
}
void MTL::CommandBuffer::waitUntilCompleted() { fake::note("wait"); }
NS::Error* MTL::CommandBuffer::error() const { return fake::real<const fake::CommandsOf>(this).failure; }
MTL::CommandBuffer* MTL::CommandQueue::commandBuffer() { return fake::autoreleased(new fake::CommandsOf()); }

// ---- the device

MTL::Device* MTL::CreateSystemDefaultDevice() { return fake::fails("device") ? nullptr : new MTL::Device(); }
bool MTL::Device::supportsFamily(MTL::GPUFamily family) {
    fake::note("family " + std::to_string(family));
    return !fake::fails("family");
}
MTL::Library* MTL::Device::newLibrary(const NS::String* source, const MTL::CompileOptions* options, NS::Error** error) {
    if (fake::fails("library")) {
        fake::refuse(error, "use of undeclared identifier 'q'");
        return nullptr;
    }
    const std::string text = source->utf8String();
    fake::write("source.metal", text.data(), text.size());
    fake::note("compile" + fake::real<const fake::OptionsOf>(options).said);
    return new MTL::Library();
}
MTL::ComputePipelineState* MTL::Device::newComputePipelineState(const MTL::ComputePipelineDescriptor* descriptor,
                                                                MTL::PipelineOption, MTL::ComputePipelineReflection**,
                                                                NS::Error** error) {
    const auto& wanted = fake::real<const fake::PipelineDescriptorOf>(descriptor);
    if (fake::fails("pipeline") || !wanted.function) {
        fake::refuse(error, "too many registers");
        return nullptr;
    }
    auto* made = new fake::PipelineOf();
    made->threads = wanted.threads;
    return made;
}
MTL::CommandQueue* MTL::Device::newCommandQueue() { return new fake::QueueOf(); }
MTL::Buffer* MTL::Device::newBuffer(const void* pointer, NS::UInteger length, MTL::ResourceOptions options) {
    if (options != MTL::ResourceStorageModeShared || length == 0 || fake::fails("buffer")) return nullptr;
    auto* made = new fake::BufferOf();
    const char* bytes = static_cast<const char*>(pointer);
    made->memory.assign(bytes, bytes + length);
    return made;
}
MTL::Texture* MTL::Device::newTexture(const MTL::TextureDescriptor* descriptor) {
    const auto& wanted = fake::real<const fake::DescriptorOf>(descriptor);
    auto* made = new fake::TextureOf();
    made->type = wanted.type, made->format = wanted.format, made->width = wanted.width, made->height = wanted.height;
    made->depth = wanted.depth, made->layers = wanted.layers, made->usage = wanted.usage, made->storage = wanted.storage;
    made->memory.resize(wanted.width * wanted.height * wanted.depth * wanted.layers * fake::texel(wanted.format));
    return made;
}
