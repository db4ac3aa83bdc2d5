// A stand-in for the part of metal-cpp's Foundation that exported code may use. Only for tests.
#pragma once

#include <cstddef>
#include <cstdint>

namespace NS {

using UInteger = std::uintptr_t;
using Integer = std::intptr_t;
enum StringEncoding : UInteger { UTF8StringEncoding = 4 };

/// An object with a count of its owners; at 0 it is gone.
class Object {
public:
    virtual ~Object() { --living(); }
    void retain_() { ++count_; }
    void release() {
        if (--count_ == 0) delete this;
    }
    static int& living() {
        static int count = 0;
        return count;
    }

protected:
    Object() { ++living(); }

private:
    int count_ = 1;
};

template <typename Class, typename Base = Object>
class Referencing : public Base {
public:
    Class* retain() {
        this->retain_();
        return static_cast<Class*>(this);
    }
};

template <typename Class, typename Base = Object>
class Copying : public Referencing<Class, Base> {};

class AutoreleasePool : public Referencing<AutoreleasePool> {
public:
    static AutoreleasePool* alloc();
    AutoreleasePool* init();
    ~AutoreleasePool() override;
};

class String : public Copying<String> {
public:
    static String* string(const char* text, StringEncoding encoding);
    const char* utf8String() const;

private:
    friend class Error;
    const char* text_ = "";
};

class Error : public Copying<Error> {
public:
    String* localizedDescription() const;  // -localizedDescription
    const char* said = "";
};

template <typename Class>
class SharedPtr {
public:
    SharedPtr() = default;
    ~SharedPtr() {
        if (object_) object_->release();
    }
    SharedPtr(const SharedPtr& other) : object_(other.object_) {
        if (object_) object_->retain();
    }
    SharedPtr(SharedPtr&& other) : object_(other.object_) { other.object_ = nullptr; }
    SharedPtr& operator=(const SharedPtr& other) {
        if (other.object_) other.object_->retain();
        if (object_) object_->release();
        object_ = other.object_;
        return *this;
    }
    SharedPtr& operator=(SharedPtr&& other) {
        if (object_) object_->release();
        object_ = other.object_;
        other.object_ = nullptr;
        return *this;
    }
    Class* get() const { return object_; }
    Class* operator->() const { return object_; }
    explicit operator bool() const { return object_ != nullptr; }

private:
    template <typename Other>
    friend SharedPtr<Other> TransferPtr(Other* object);
    Class* object_ = nullptr;
};

template <typename Class>
SharedPtr<Class> TransferPtr(Class* object) {
    SharedPtr<Class> made;
    made.object_ = object;
    return made;
}

template <typename Class>
SharedPtr<Class> RetainPtr(Class* object) {
    object->retain();
    return TransferPtr(object);
}

}  // namespace NS
