/* Two functions of OpenSSL 3.3, made of what 3.0 has: for a caller that was built for a later one than is here. */
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

time_t SSL_SESSION_get_time_ex(const SSL_SESSION *session)
{
	return SSL_SESSION_get_time(session);
}

static X509_OBJECT *copy_of(const X509_OBJECT *object)
{
	X509_OBJECT *made = X509_OBJECT_new();
	int held = made != NULL;
	switch (held ? X509_OBJECT_get_type(object) : X509_LU_NONE) {
	case X509_LU_X509:
		held = X509_OBJECT_set1_X509(made, X509_OBJECT_get0_X509(object));
		break;
	case X509_LU_CRL:
		held = X509_OBJECT_set1_X509_CRL(made, X509_OBJECT_get0_X509_CRL((X509_OBJECT *)object));
		break;
	default:
		break;
	}
	if (held)
		return made;
	X509_OBJECT_free(made);
	return NULL;
}

/* A copy that stays as it is while others add to the store; the caller frees it. */
STACK_OF(X509_OBJECT) *X509_STORE_get1_objects(X509_STORE *store)
{
	STACK_OF(X509_OBJECT) *objects;
	if (!X509_STORE_lock(store))
		return NULL;
	objects = sk_X509_OBJECT_deep_copy(X509_STORE_get0_objects(store), copy_of, X509_OBJECT_free);
	X509_STORE_unlock(store);
	return objects;
}
