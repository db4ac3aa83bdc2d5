"""Metal on a Mac, through PyObjC: `runtime.py` is what a user has, `objc.py` all that reaches Objective-C."""
