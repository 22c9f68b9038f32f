/* What the distribution's libcurl.a was built with and this check never uses: other protocols,
 * HTTP/2, names outside ASCII, cookies, Kerberos. The check speaks HTTP/1.1 without encodings over
 * plain connections and TLS, so of all these libcurl calls only libssh2_init and those that ask for
 * a version. Whatever else were called gets a failure. A name missing here fails the link. */
#include <stddef.h>
#include <stdio.h>

/* -Wl,--wrap=stdin: jansson's archive addresses stdin in a way that a shared library cannot, and
 * only to name the stream of json_loadf. */
extern FILE *__wrap_stdin; /* NOLINT: the linker's name */
FILE *__wrap_stdin;

/* curl_version_info looks into it. */
struct nghttp2_info {
    int age;
    int version_number;
    const char *version;
    int protocol_length;
    const char *protocol;
};
const struct nghttp2_info *nghttp2_version(int least_version);
const struct nghttp2_info *nghttp2_version(int least_version)
{
    static const struct nghttp2_info absent = {1, 0, "0", 0, ""};
    (void)least_version;
    return &absent;
}

int libssh2_init(int flags);
int libssh2_init(int flags)
{
    (void)flags;
    return 0;
}

/* Returns a status or a count: -1 is a failure in all of these libraries. The arguments are left
 * out: the C calling conventions of all Linux platforms allow it, and no header is needed. */
#define ABSENT_NUMBER(name)                                                                        \
    int name(void);                                                                                \
    int name(void)                                                                                 \
    {                                                                                              \
        return -1;                                                                                 \
    }

/* Returns a pointer, a version or nothing. */
#define ABSENT_POINTER(name)                                                                       \
    void *name(void);                                                                              \
    void *name(void)                                                                               \
    {                                                                                              \
        return NULL;                                                                               \
    }

/* clang-format off */

/* brotli, zstd */
ABSENT_POINTER(BrotliDecoderCreateInstance)
ABSENT_NUMBER(BrotliDecoderDecompressStream)
ABSENT_POINTER(BrotliDecoderDestroyInstance)
ABSENT_NUMBER(BrotliDecoderGetErrorCode)
ABSENT_POINTER(BrotliDecoderVersion)
ABSENT_POINTER(ZSTD_createDStream)
ABSENT_NUMBER(ZSTD_decompressStream)
ABSENT_NUMBER(ZSTD_freeDStream)
ABSENT_NUMBER(ZSTD_isError)
ABSENT_POINTER(ZSTD_versionNumber)

/* rtmp */
ABSENT_POINTER(RTMP_Alloc)
ABSENT_POINTER(RTMP_Close)
ABSENT_NUMBER(RTMP_Connect1)
ABSENT_NUMBER(RTMP_ConnectStream)
ABSENT_POINTER(RTMP_Free)
ABSENT_POINTER(RTMP_Init)
ABSENT_NUMBER(RTMP_Read)
ABSENT_POINTER(RTMP_SetBufferMS)
ABSENT_NUMBER(RTMP_SetupURL)
ABSENT_NUMBER(RTMP_Write)

/* GSS-API */
extern void *const GSS_C_NT_HOSTBASED_SERVICE;
void *const GSS_C_NT_HOSTBASED_SERVICE = NULL;
ABSENT_NUMBER(gss_delete_sec_context)
ABSENT_NUMBER(gss_display_name)
ABSENT_NUMBER(gss_display_status)
ABSENT_NUMBER(gss_import_name)
ABSENT_NUMBER(gss_init_sec_context)
ABSENT_NUMBER(gss_inquire_context)
ABSENT_NUMBER(gss_release_buffer)
ABSENT_NUMBER(gss_release_name)
ABSENT_NUMBER(gss_unwrap)
ABSENT_NUMBER(gss_wrap)

/* IDN */
ABSENT_POINTER(idn2_check_version)
ABSENT_POINTER(idn2_free)
ABSENT_NUMBER(idn2_lookup_ul)

/* LDAP */
ABSENT_POINTER(ber_bvfree)
ABSENT_POINTER(ber_free)
ABSENT_POINTER(ber_memfree)
ABSENT_POINTER(ber_memvfree)
ABSENT_NUMBER(ber_sockbuf_add_io)
ABSENT_NUMBER(ldap_abandon_ext)
ABSENT_POINTER(ldap_err2string)
ABSENT_POINTER(ldap_free_urldesc)
ABSENT_NUMBER(ldap_get_attribute_ber)
ABSENT_NUMBER(ldap_get_dn_ber)
ABSENT_NUMBER(ldap_get_option)
ABSENT_NUMBER(ldap_init_fd)
ABSENT_POINTER(ldap_memfree)
ABSENT_NUMBER(ldap_msgfree)
ABSENT_NUMBER(ldap_msgtype)
ABSENT_NUMBER(ldap_parse_result)
ABSENT_NUMBER(ldap_parse_sasl_bind_result)
ABSENT_NUMBER(ldap_pvt_url_scheme2proto)
ABSENT_NUMBER(ldap_result)
ABSENT_NUMBER(ldap_sasl_bind)
ABSENT_NUMBER(ldap_search_ext)
ABSENT_NUMBER(ldap_set_option)
ABSENT_NUMBER(ldap_start_tls)
ABSENT_NUMBER(ldap_unbind_ext)
ABSENT_NUMBER(ldap_url_parse)

/* ssh2 */
ABSENT_NUMBER(libssh2_agent_connect)
ABSENT_POINTER(libssh2_agent_disconnect)
ABSENT_POINTER(libssh2_agent_free)
ABSENT_NUMBER(libssh2_agent_get_identity)
ABSENT_POINTER(libssh2_agent_init)
ABSENT_NUMBER(libssh2_agent_list_identities)
ABSENT_NUMBER(libssh2_agent_userauth)
ABSENT_NUMBER(libssh2_channel_free)
ABSENT_NUMBER(libssh2_channel_read_ex)
ABSENT_NUMBER(libssh2_channel_send_eof)
ABSENT_NUMBER(libssh2_channel_wait_closed)
ABSENT_NUMBER(libssh2_channel_wait_eof)
ABSENT_NUMBER(libssh2_channel_write_ex)
ABSENT_POINTER(libssh2_exit)
ABSENT_POINTER(libssh2_hostkey_hash)
ABSENT_NUMBER(libssh2_knownhost_add)
ABSENT_NUMBER(libssh2_knownhost_checkp)
ABSENT_NUMBER(libssh2_knownhost_del)
ABSENT_POINTER(libssh2_knownhost_free)
ABSENT_NUMBER(libssh2_knownhost_get)
ABSENT_POINTER(libssh2_knownhost_init)
ABSENT_NUMBER(libssh2_knownhost_readfile)
ABSENT_NUMBER(libssh2_knownhost_writefile)
ABSENT_POINTER(libssh2_scp_recv2)
ABSENT_POINTER(libssh2_scp_send64)
ABSENT_POINTER(libssh2_session_abstract)
ABSENT_NUMBER(libssh2_session_block_directions)
ABSENT_POINTER(libssh2_session_callback_set)
ABSENT_NUMBER(libssh2_session_disconnect_ex)
ABSENT_NUMBER(libssh2_session_flag)
ABSENT_NUMBER(libssh2_session_free)
ABSENT_NUMBER(libssh2_session_handshake)
ABSENT_POINTER(libssh2_session_hostkey)
ABSENT_POINTER(libssh2_session_init_ex)
ABSENT_NUMBER(libssh2_session_last_errno)
ABSENT_NUMBER(libssh2_session_last_error)
ABSENT_NUMBER(libssh2_session_method_pref)
ABSENT_POINTER(libssh2_session_set_blocking)
ABSENT_NUMBER(libssh2_sftp_close_handle)
ABSENT_POINTER(libssh2_sftp_init)
ABSENT_NUMBER(libssh2_sftp_last_error)
ABSENT_NUMBER(libssh2_sftp_mkdir_ex)
ABSENT_POINTER(libssh2_sftp_open_ex)
ABSENT_NUMBER(libssh2_sftp_read)
ABSENT_NUMBER(libssh2_sftp_readdir_ex)
ABSENT_NUMBER(libssh2_sftp_rename_ex)
ABSENT_NUMBER(libssh2_sftp_rmdir_ex)
ABSENT_POINTER(libssh2_sftp_seek64)
ABSENT_NUMBER(libssh2_sftp_shutdown)
ABSENT_NUMBER(libssh2_sftp_stat_ex)
ABSENT_NUMBER(libssh2_sftp_statvfs)
ABSENT_NUMBER(libssh2_sftp_symlink_ex)
ABSENT_NUMBER(libssh2_sftp_unlink_ex)
ABSENT_NUMBER(libssh2_sftp_write)
ABSENT_NUMBER(libssh2_userauth_authenticated)
ABSENT_NUMBER(libssh2_userauth_keyboard_interactive_ex)
ABSENT_POINTER(libssh2_userauth_list)
ABSENT_NUMBER(libssh2_userauth_password_ex)
ABSENT_NUMBER(libssh2_userauth_publickey_fromfile_ex)
ABSENT_POINTER(libssh2_version)

/* nghttp2 */
ABSENT_POINTER(nghttp2_http2_strerror)
ABSENT_NUMBER(nghttp2_is_fatal)
ABSENT_POINTER(nghttp2_option_del)
ABSENT_NUMBER(nghttp2_option_new)
ABSENT_POINTER(nghttp2_option_set_no_rfc9113_leading_and_trailing_ws_validation)
ABSENT_NUMBER(nghttp2_pack_settings_payload)
ABSENT_POINTER(nghttp2_priority_spec_init)
ABSENT_POINTER(nghttp2_session_callbacks_del)
ABSENT_NUMBER(nghttp2_session_callbacks_new)
ABSENT_POINTER(nghttp2_session_callbacks_set_error_callback)
ABSENT_POINTER(nghttp2_session_callbacks_set_on_begin_headers_callback)
ABSENT_POINTER(nghttp2_session_callbacks_set_on_data_chunk_recv_callback)
ABSENT_POINTER(nghttp2_session_callbacks_set_on_frame_recv_callback)
ABSENT_POINTER(nghttp2_session_callbacks_set_on_header_callback)
ABSENT_POINTER(nghttp2_session_callbacks_set_on_stream_close_callback)
ABSENT_POINTER(nghttp2_session_callbacks_set_send_callback)
ABSENT_NUMBER(nghttp2_session_check_request_allowed)
ABSENT_NUMBER(nghttp2_session_client_new2)
ABSENT_POINTER(nghttp2_session_del)
ABSENT_NUMBER(nghttp2_session_get_remote_settings)
ABSENT_NUMBER(nghttp2_session_get_remote_window_size)
ABSENT_NUMBER(nghttp2_session_get_stream_remote_window_size)
ABSENT_POINTER(nghttp2_session_get_stream_user_data)
ABSENT_NUMBER(nghttp2_session_mem_recv)
ABSENT_NUMBER(nghttp2_session_resume_data)
ABSENT_NUMBER(nghttp2_session_send)
ABSENT_NUMBER(nghttp2_session_set_local_window_size)
ABSENT_NUMBER(nghttp2_session_set_stream_user_data)
ABSENT_NUMBER(nghttp2_session_upgrade2)
ABSENT_NUMBER(nghttp2_session_want_read)
ABSENT_NUMBER(nghttp2_session_want_write)
ABSENT_POINTER(nghttp2_strerror)
ABSENT_NUMBER(nghttp2_submit_ping)
ABSENT_NUMBER(nghttp2_submit_priority)
ABSENT_NUMBER(nghttp2_submit_request)
ABSENT_NUMBER(nghttp2_submit_rst_stream)
ABSENT_NUMBER(nghttp2_submit_settings)

/* psl */
ABSENT_POINTER(psl_builtin)
ABSENT_POINTER(psl_free)
ABSENT_POINTER(psl_get_version)
ABSENT_NUMBER(psl_is_cookie_domain_acceptable)
ABSENT_POINTER(psl_latest)
/* clang-format on */
