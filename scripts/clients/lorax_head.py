# packages: lorax-client@https://github.com/predibase/lorax/archive/main.tar.gz#subdirectory=clients/python
# The client as it stands in LoRAX's repository: the checks of the released one.
import lorax_sdk
