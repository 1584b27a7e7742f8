"""fastal as the backend of other active learning libraries, one module for each library.

Import the module of the library you use: it holds classes and functions under the names the
library itself uses, with its contracts.  Nothing here scores rows; everything is a public
function of `fastal` in another library's clothes.  ``import fastal`` loads none of it, and each
module needs its library installed (``pip install "fastal[modal]"``, say).
"""
